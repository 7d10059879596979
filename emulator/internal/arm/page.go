package arm

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxPage is how many items a page of a list has. The service's number is not known.
const maxPage = 100

type page struct {
	Value    []any  `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}

// answerPage answers a list of what has names, by name: the first page, or the one that the
// address in a nextLink asks for.
func answerPage[T any](c *call, all []T, name func(T) string, form func(T) any) error {
	key := func(x T) string { return strings.ToLower(name(x)) }
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	query := c.r.URL.Query()
	if token := query.Get("$skiptoken"); token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return &failure{http.StatusBadRequest, "InvalidSkipToken",
				"The parameter $skiptoken is not one of a nextLink."}
		}
		all = slices.DeleteFunc(all, func(x T) bool { return key(x) <= string(last) })
	}
	out := page{Value: []any{}}
	for i, x := range all {
		if i == maxPage {
			next := url.Values{"api-version": {version(c.r)},
				"$skiptoken": {base64.RawURLEncoding.EncodeToString([]byte(key(all[i-1])))}}
			out.NextLink = origin(c.r) + c.r.URL.EscapedPath() + "?" + next.Encode()
			break
		}
		out.Value = append(out.Value, form(x))
	}
	return c.answer(http.StatusOK, out)
}
