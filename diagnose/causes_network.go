package diagnose

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// causesOfNetwork lie between this machine and the registry.
func causesOfNetwork() []Cause {
	return []Cause{
		{
			Code: cause.NameUnknown, Name: "name-unknown", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "no host has the registry's name",
			Shows:  "the look-up of the name ends with NXDOMAIN",
			Tells:  "the resolver answered; one that does not is ACRK016",
			Proves: "the resolver's answer",
			Mend:   "az acr show --name REGISTRY --query loginServer --output tsv",
		},
		{
			Code: cause.NameLookupFailed, Name: "name-lookup-failed", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the resolver did not answer",
			Shows:  "the look-up of the name fails or takes too long",
			Tells:  "the name may exist: nobody said that it does not",
			Proves: "the resolver's error",
			Mend:   "getent hosts REGISTRY",
		},
		{
			Code: cause.PrivateEndpointPublicAddress, Name: "private-endpoint-public-address", Class: acrkit.CodeDenied, Basis: Documented,
			Title:  "the registry has a private endpoint, and its name resolves to a public address here",
			Shows:  "403 by network rule, while the name's alias is under privatelink.azurecr.io and its address is public",
			Tells:  "a network rule alone has no alias under privatelink",
			Proves: "the alias and the address of the name, together with the refusal",
			Mend:   "nslookup REGISTRY    # from inside the network it must give a private address; link the private DNS zone privatelink.azurecr.io",
		},
		{
			Code: cause.ConnectionRefused, Name: "connection-refused", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "nothing listens at the registry's address",
			Shows:  "the connection is refused at once",
			Tells:  "silence is ACRK019",
			Proves: "the operating system's word for it",
			Mend:   "curl -sS -o /dev/null -w '%{http_code}\\n' https://REGISTRY/v2/",
		},
		{
			Code: cause.ConnectionTimeout, Name: "connection-timeout", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the registry's address does not answer",
			Shows:  "no answer within the time limit: a firewall that drops, or no route",
			Tells:  "a refused connection is ACRK018; a network rule of the registry answers 403",
			Proves: "the time limit of the connection",
			Mend:   "curl -sS -m 10 -o /dev/null -w '%{http_code}\\n' https://REGISTRY/v2/",
		},
		{
			Code: cause.TLSIntercepted, Name: "tls-intercepted", Class: acrkit.CodeTLS, Basis: Documented,
			Title:  "somebody between here and the registry opens TLS",
			Shows:  "the certificate of a login server of ACR comes from an issuer that is no public authority: a company's proxy",
			Tells:  "another server's unknown authority is ACRK010",
			Proves: "the issuer of the certificate that came for *.azurecr.io",
			Mend:   "export SSL_CERT_FILE=company-ca.pem    # the certificate of ISSUER, if you trust it",
		},
		{
			Code: cause.CertificateWrongName, Name: "certificate-wrong-name", Class: acrkit.CodeTLS, Basis: Documented,
			Title:  "the server's certificate is for another name",
			Shows:  "the TLS handshake ends with another name",
			Tells:  "an unknown issuer is ACRK010",
			Proves: "the names in the certificate",
			Mend:   "az acr show --name REGISTRY --query loginServer --output tsv",
		},
		{
			Code: cause.CertificateExpired, Name: "certificate-expired", Class: acrkit.CodeTLS, Basis: Documented,
			Title:  "the server's certificate has ended or not begun, or this machine's clock is wrong",
			Shows:  "the TLS handshake ends with a certificate that is out of its time",
			Tells:  "a wrong clock meets it with every server",
			Proves: "the dates in the certificate against the clock",
			Mend:   "date -u    # compare with another clock",
		},
		{
			Code: cause.PlainHTTPServer, Name: "plain-http-server", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the port answers in plain HTTP",
			Shows:  "the TLS handshake is answered with text",
			Tells:  "a certificate that is not trusted is ACRK010",
			Proves: "the bytes that came",
			Mend:   "curl -sS -o /dev/null -w '%{http_code}\\n' http://REGISTRY/v2/",
		},
		{
			Code: cause.ProxyUnreachable, Name: "proxy-unreachable", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the proxy that the environment names cannot be reached or refuses",
			Shows:  "the connection fails before the registry is reached (proxyconnect), or 407",
			Tells:  "the error names the proxy, not the registry",
			Proves: "the error's own operation",
			Mend:   "export NO_PROXY=REGISTRY    # if it can be reached directly",
		},
		{
			Code: cause.NetworkRule, Name: "network-rule", Class: acrkit.CodeDenied, Basis: Documented,
			Title:  "the registry's network rules leave this address out",
			Shows:  `403 "client with IP '…' is not allowed access", already to GET /v2/ without a credential; clients say that the registry did not issue a challenge`,
			Tells:  "no role is another 403 (ACRK065), after authentication",
			Proves: "the message of the 403, or a 403 to GET /v2/ without a credential",
			Mend:   "az acr network-rule add --name REGISTRY --ip-address ADDRESS",
		},
		{
			Code: cause.NotARegistry, Name: "not-a-registry", Class: acrkit.CodeProtocol, Basis: Documented,
			Title:  "the host answers, and is no registry",
			Shows:  "GET /v2/ gives no Bearer challenge and no 200",
			Tells:  "a network rule answers 403",
			Proves: "the answer to GET /v2/",
			Mend:   "az acr show --name REGISTRY --query loginServer --output tsv",
		},
		{
			Code: cause.LoginServerHash, Name: "login-server-hash", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the login server carries a hash that the name lacks",
			Shows:  "NAME.azurecr.io does not resolve, and the registry's login server is NAME-HASH.azurecr.io",
			Tells:  "a name that nobody has is ACRK015",
			Proves: "Azure Resource Manager's loginServer",
			Mend:   "az acr show --name REGISTRY --query loginServer --output tsv",
		},
		{
			Code: cause.DataEndpointBlocked, Name: "data-endpoint-blocked", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the host of blobs cannot be reached",
			Shows:  "manifests come, and blobs hang or fail after a 307 to another host",
			Tells:  "the registry itself answers; the redirect's host does not resolve or connect",
			Proves: "a look-up of and a connection to the host of the 307",
			Mend:   "az acr show-endpoints --name REGISTRY    # let the data endpoint or *.blob.core.windows.net through the firewall",
		},
		{
			Code: cause.RedirectRefused, Name: "blob-redirect-with-credential", Class: acrkit.CodeUsage, Basis: Documented,
			Title:  "the storage behind the registry refuses a request that carries Authorization",
			Shows:  "400 InvalidAuthenticationInfo in XML after a 307",
			Tells:  "the registry never answers in XML",
			Proves: "the answer's body, and the Authorization header that was sent to another host",
			Mend:   "acrkit proxy --registry REGISTRY",
		},
	}
}
