package hostile

import (
	"net/http"
	"strings"
)

// Hosts returns servers that must get nothing, as clients pass them to a helper: a host,
// at most with a port, a scheme or a path.
func Hosts() []Host {
	var all []Host
	add := func(trick string, servers ...string) {
		for _, s := range servers {
			all = append(all, Host{s, trick})
		}
	}
	add("the suffix is in the middle of the name",
		"myregistry.azurecr.io.evil.example", "evil.azurecr.io.attacker.example",
		"myregistry.azurecr.io.evil.azurecr.io", "a.azurecr.cn.evil.example", "a.azurecr.us.evil.example",
		"a.azurecr.de.evil.example", "azurecr.io.evil.example", "myregistry.azurecr.io-evil.example",
		"myregistry.azurecr.ioevil", "myregistry.azurecr.io.us", "myregistry.azurecr.io.azurecr.example")
	add("the suffix is part of a label",
		"evilazurecr.io", "my-azurecr.io", "myregistry-azurecr.io", "myregistryazurecr.io",
		"evil.example-azurecr.io", "x.evilazurecr.io")
	add("the suffix is another one",
		"myregistry.azurecr.com", "myregistry.azurecr.i", "myregistry.azurecr.me", "myregistry.azurecr.net",
		"myregistry.azurecr", "myregistry.azure-cr.io", "myregistry.azurecr.example", "myregistry.azurecr.de")
	add("there is no name before the suffix, or more than one label",
		"azurecr.io", ".azurecr.io", "..azurecr.io", "my.registry.azurecr.io", "*.azurecr.io", "-.azurecr.io",
		"a-.azurecr.io", strings.Repeat("a", 64)+".azurecr.io")
	add("a host of blobs takes no credential",
		"myregistry.westeurope.data.azurecr.io", "myregistry.westeurope.data.azurecr.cn",
		"myregistry.blob.core.windows.net", "wusmanaged1.blob.core.windows.net")
	add("it looks like a regional endpoint",
		"westeurope.geo.azurecr.io", "a.myregistry.westeurope.geo.azurecr.io",
		"myregistry.westeurope.geo.azurecr.io.evil.example", "myregistry.westeurope.notgeo.azurecr.io",
		"myregistry.westeurope.geo.evilazurecr.io", "myregistry.westeurope.geo.azurecr.com",
		"myregistry..geo.azurecr.io", "myregistry.geo.westeurope.azurecr.io",
		"myregistry.westeurope.geo.azurecr.io:8443")
	add("a port is another program",
		"myregistry.azurecr.io:8443", "myregistry.azurecr.io:80", "myregistry.azurecr.io:4430",
		"myregistry.azurecr.io:443:443", "myregistry.azurecr.io:65979", "myregistry.azurecr.io:443@evil.example",
		"myregistry.azurecr.io:+443")
	add("the text before @ is not a host",
		"myregistry.azurecr.io@evil.example", "https://myregistry.azurecr.io@evil.example", "user:pw@evil.example",
		"myregistry.azurecr.io%40evil.example", "evil.example@x.azurecr.io.evil.example",
		"https://x:y.azurecr.io@evil.example/")
	add("the name is in the path, the query or the fragment",
		"evil.example/myregistry.azurecr.io", "https://evil.example/myregistry.azurecr.io",
		"evil.example?x.azurecr.io", "https://evil.example?myregistry.azurecr.io", "evil.example#.azurecr.io",
		"https://evil.example#.azurecr.io",
		"evil.example/.azurecr.io", "evil.example;.azurecr.io", "evil.example,myregistry.azurecr.io",
		"https://https://myregistry.azurecr.io.evil.example")
	add("a backslash is a slash to some",
		`evil.example\.azurecr.io`, `https://evil.example\@myregistry.azurecr.io`,
		`myregistry.azurecr.io\.evil.example`, `https:\\evil.example\x.azurecr.io`)
	add("an encoding is read by some",
		"evil.example%2f.azurecr.io", "evil.example%23.azurecr.io", "evil.example%00.azurecr.io",
		"myregistry.azurecr.io%2eevil.example", "evil.example%5c.azurecr.io")
	add("a control character ends the name for some",
		"myregistry.azurecr.io\x00.evil.example", "evil.example\x00.azurecr.io",
		"myregistry.azurecr.io\r\nHost: evil.example", "evil.example\t.azurecr.io", "evil.example .azurecr.io")
	add("a letter looks like another one, or becomes one",
		"myregistry.\u0430zurecr.io", "myregistry.azurecr.i\u043e", "myregistry.azurecr\u3002io",
		"myregistry\uff0eazurecr.io", "myregistry.azurecr.io\u200b", "myregi\u017ftry.azurecr.io",
		"\u212aontoso.azurecr.io",
		"evil.example\uff0f.azurecr.io", "evil.example\u2044.azurecr.io", "myregistry.azurecr.\u0131o")
	add("a name in punycode is another name",
		"myregistry.xn--zurecr-2ve.io", "myregistry.xn--azurecr-.io", "xn--myregistry-.azurecr.io.evil.example",
		"myregistry.azurecr.xn--io-", "myregistry.azurecr.xn--o-0tb")
	add("a dot at the end", "myregistry.azurecr.io..", "myregistry.azurecr.io.", "myregistry.azurecr.io.evil.example.")
	add("upper case is folded, and is still another host",
		"MYREGISTRY.AZURECR.IO.EVIL.EXAMPLE", "EvilAzureCR.io", "MyRegistry.WestEurope.Data.AzureCR.io")
	add("an address is no registry of Azure's",
		"192.0.2.1", "192.0.2.1:443", "[2001:db8::1]", "[2001:db8::1]:443", "[::ffff:192.0.2.1]",
		"[::1].azurecr.io", "[fe80::1%25.azurecr.io]", "::1.azurecr.io", "[myregistry.azurecr.io]",
		"0x7f000001.evil.example",
		"169.254.169.254", "[::ffff:169.254.169.254]")
	add("plain HTTP can be read on the way",
		"http://myregistry.azurecr.io", "HTTP://myregistry.azurecr.io/v2/", "ftp://myregistry.azurecr.io",
		"http://myregistry.westeurope.geo.azurecr.io")
	add("another registry",
		"index.docker.io", "https://index.docker.io/v1/", "ghcr.io", "quay.io", "mcr.microsoft.com", "gcr.io",
		"localhost.evil.example", "127.0.0.1.evil.example")
	return all
}

// Answers returns what a genuine registry may answer that sends a credential elsewhere.
func Answers() []Answer {
	const evil = "https://evil.example/oauth2/exchange"
	var all []Answer
	for _, status := range []int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	} {
		for _, to := range []string{
			evil, "http://myregistry.azurecr.io/oauth2/exchange",
			"https://myregistry.azurecr.io:8443/oauth2/exchange",
			"https://myregistry.azurecr.io.evil.example/oauth2/exchange",
			"https://myregistry.westeurope.data.azurecr.io/oauth2/exchange",
			"https://other.azurecr.io/oauth2/exchange", "//evil.example/oauth2/exchange",
			"https://myregistry.azurecr.io@evil.example/oauth2/exchange"} {
			all = append(all, Answer{Server: home, status: status, location: to,
				Trick: "a token request is redirected to " + to})
		}
	}
	for _, realm := range []string{
		evil, "http://myregistry.azurecr.io/oauth2/token", "https://myregistry.azurecr.io:8443/oauth2/token",
		"https://myregistry.azurecr.io.evil.example/oauth2/token",
		"https://other.azurecr.io/oauth2/token", "https://myregistry.azurecr.us/oauth2/token",
		"//evil.example/oauth2/token", "https://myregistry.azurecr.io@evil.example/oauth2/token",
		"https://169.254.169.254/metadata"} {
		for _, server := range []string{home, regional} {
			all = append(all, Answer{Server: server, Trick: "a challenge names the token service " + realm,
				challenge: `Bearer realm="` + realm + `",service="myregistry.azurecr.io",scope="repository:a:pull"`})
		}
	}
	all = append(all, Answer{Server: regional, Trick: "a challenge names the token service of another region",
		challenge: `Bearer realm="https://myregistry.northeurope.geo.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`})
	return all
}
