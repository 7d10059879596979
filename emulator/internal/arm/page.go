package arm

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPage is how many items a page of a list has. The service's number is not known.
const maxPage = 100

type page struct {
	Value    []any  `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}

// answerPage answers a list of what has names, by name: the first page, or the one that the
// address in a nextLink asks for. The page has as many items as $top says, up to maxPage.
func answerPage[T any](c *call, all []T, name func(T) string, form func(T) any) error {
	key := func(x T) string { return strings.ToLower(name(x)) }
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	query := c.r.URL.Query()
	most := maxPage
	if query.Has("$top") {
		top, err := strconv.Atoi(query.Get("$top"))
		if err != nil || top < 1 {
			return &failure{http.StatusBadRequest, "InvalidTopInQueryString",
				"The value '" + clip(query.Get("$top")) + "' of the parameter $top is not a positive number."}
		}
		most = min(most, top)
	}
	if query.Has("$skiptoken") {
		last, ok := c.readSkip(query.Get("$skiptoken"))
		if !ok {
			return &failure{http.StatusBadRequest, "InvalidSkipToken",
				"The parameter $skiptoken is not the one of a nextLink of this list."}
		}
		all = slices.DeleteFunc(all, func(x T) bool { return key(x) <= last })
	}
	out := page{Value: []any{}}
	for i, x := range all {
		if i == most {
			query.Set("$skiptoken", c.skip(key(all[i-1])))
			out.NextLink = origin(c.r) + c.r.URL.EscapedPath() + "?" + url.Values(query).Encode()
			break
		}
		out.Value = append(out.Value, form(x))
	}
	return c.answer(http.StatusOK, out)
}

// skip makes the $skiptoken of what follows an item of the list that the request is for.
func (c *call) skip(last string) string {
	return base64.RawURLEncoding.EncodeToString(append(c.skipSum(last), last...))
}

func (c *call) skipSum(last string) []byte {
	return c.h.Store.Keys().Sum("skiptoken", strings.ToLower(c.r.URL.Path), last)[:skipSumLength]
}

const skipSumLength = 8

// readSkip returns the last item of the page before: only for what skip made.
func (c *call) readSkip(token string) (last string, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(data) < skipSumLength {
		return "", false
	}
	last = string(data[skipSumLength:])
	return last, hmac.Equal(data[:skipSumLength], c.skipSum(last))
}
