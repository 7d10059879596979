package entra

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// numbers holds what programs use of each AADSTS number. The words for people are in
// package sentence, under the same numbers.
var numbers = map[int]struct {
	cause acrkit.Cause
	code  acrkit.Code // "" = acrkit.CodeCredentialRejected
}{
	7000215: {cause: cause.EntraSecretWrong},
	7000222: {cause: cause.EntraSecretExpired},
	700016:  {cause: cause.EntraApplicationUnknown},
	7000112: {cause: cause.EntraApplicationUnknown},
	7000216: {cause: cause.EntraRefused},
	50027:   {cause: cause.EntraAssertionRefused},
	700023:  {cause: cause.EntraAssertionRefused},
	700024:  {cause: cause.EntraAssertionRefused},
	700027:  {cause: cause.EntraAssertionRefused},
	70021:   {cause: cause.EntraAssertionRefused},
	700211:  {cause: cause.EntraAssertionRefused},
	700212:  {cause: cause.EntraAssertionRefused},
	700213:  {cause: cause.EntraAssertionRefused},
	90002:   {cause: cause.EntraTenantUnknown},
	900023:  {cause: cause.EntraTenantUnknown},
	50001:   {cause: cause.EntraAudienceUnknown},
	500011:  {cause: cause.EntraAudienceUnknown},
	500014:  {cause: cause.EntraAudienceUnknown},
	50034:   {cause: cause.EntraUserRefused},
	50053:   {cause: cause.EntraUserRefused},
	50055:   {cause: cause.EntraUserRefused},
	50057:   {cause: cause.EntraUserRefused},
	50076:   {cause: cause.EntraUserRefused},
	50079:   {cause: cause.EntraUserRefused},
	50126:   {cause: cause.EntraUserRefused},
	53003:   {cause: cause.EntraPolicy, code: acrkit.CodeDenied},
	65001:   {cause: cause.EntraPolicy, code: acrkit.CodeDenied},
	700082:  {cause: cause.EntraSignInEnded},
	700084:  {cause: cause.EntraSignInEnded},
	70043:   {cause: cause.EntraSignInEnded},
	50173:   {cause: cause.EntraSignInEnded},
	90033:   {cause: cause.EntraUnreachable, code: acrkit.CodeUnavailable},
	90024:   {cause: cause.EntraUnreachable, code: acrkit.CodeUnavailable},
}
