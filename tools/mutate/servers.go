package mutate

// serverRules are those of what listens: the emulator and the proxy.
func serverRules() []Rule {
	const (
		emulator = "./emulator"
		serve    = "emulator/serve.go"
		idle     = "./internal/idle"
		body     = "internal/idle/body.go"
		conn     = "internal/idle/conn.go"
		limits   = "internal/idle/idle.go"
		identity = "emulator/internal/principal/"
		proxy    = "./proxy"
		cli      = "cmd/acrkit/internal/cli/emulator/"
		command  = "./cmd/acrkit/internal/cli/proxy"
		run      = "cmd/acrkit/internal/cli/proxy/run.go"
	)
	return []Rule{
		{"chosen-secrets", "If other machines can reach the emulator, it accepts no chosen password or secret.", []Break{
			{"emulator/emulator.go", "o.BeyondLoopback && len(names) > 0", "false && len(names) > 0", emulator, "TestBeyondLoopback"},
			{"emulator/emulator.go", "if e.beyond = o.BeyondLoopback; e.beyond {", "if e.beyond = o.BeyondLoopback; false {", emulator, "TestBeyondLoopback"},
			{identity + "store.go", "	if err := s.check(s.after(c)); err != nil {\n		return err\n	}\n", "", emulator, "TestBeyondLoopback"},
			{identity + "reload.go", "		return s.check(maps.Values(fresh))", "		_ = maps.Values(fresh)\n		return nil", emulator, "TestBeyondLoopback"},
			{identity + "chosen.go", "	if s.refusal == nil {", "	if true {", emulator, "TestBeyondLoopback"},
			{identity + "chosen.go", "			if len(x.Secrets) > 0 {", "			if false {", emulator, "TestBeyondLoopback"},
			{identity + "chosen.go", "			if !p.Generated {", "			if !p.Generated && p.Expires.IsZero() {", emulator, "TestBeyondLoopback"},
			{identity + "chosen.go", "			if c.put[k] == nil && ", "			if c.put[k] != nil && ", emulator, "TestBeyondLoopback"},
		}},
		{"all-repositories", "A token for all repositories holds no more than its principal's rights on all of them, none in ABAC mode, and opens what these are now.", []Break{
			{identity + "roles.go", "rule.Pattern == scopemap.Root && rule.Action == action", "rule.Action == action", emulator, "TestAllRepositories"},
			{identity + "roles.go", "rule.Pattern == scopemap.Root && rule.Action == action", "rule.Pattern == scopemap.Root", emulator, "TestAllRepositories"},
			{identity + "roles.go", "		if !slices.Contains(all, action.Wire()) && !slices.Contains(all, \"*\") {", "		if len(all) == 0 {", emulator, "TestAllRepositories"},
			{identity + "secret.go", "	rights.wildcard = r.Mode != ModeABAC", "	rights.wildcard = true", emulator, "TestAllRepositories_ABAC"},
			{"emulator/authorize.go", "	return verdict(rights, d)\n}\n\n// decideBasic", "	return verdict(principal.Answer{}, d)\n}\n\n// decideBasic", emulator, "TestAllRepositories_used"},
			{"proxy/authorize.go", "	if !c.h.allows(c.op.Scope) {", "	if false {", proxy, "TestAllRepositories"},
			{"proxy/authorize.go", "			if lacks.Type != \"repository\" || ", "			if ", proxy, "TestAllRepositories"},
			{"proxy/authorize.go", "everywhere(action)", "everywhere(strings.Replace(action, \"pull\", \"metadata_read\", 1))", proxy, "TestAllRepositories"},
		}},
		{"anonymous-token", "An anonymous client's token allows only reading, for five minutes.", []Break{
			{identity + "jwt.go", "AnonymousLife = 5 * time.Minute", "AnonymousLife = 5*time.Minute + time.Second", emulator, "TestAnonymousToken"},
			{identity + "jwt.go", "AnonymousLife = 5 * time.Minute", "AnonymousLife = 5*time.Minute - time.Second", emulator, "TestAnonymousToken"},
			{identity + "jwt.go", "		life = min(life, AnonymousLife)", "		life = AnonymousLife", emulator, "TestAnonymousToken_life"},
			{identity + "jwt.go", "kind == KindAnonymous && a.Granted.Contains(pull)", "a.Granted.Contains(pull)", emulator, "TestAllRepositories_used"},
		}},
		{"other-cloud", "A token for Azure Resource Manager of another cloud is accepted neither by the registry nor by ARM.", []Break{
			{"emulator/internal/entra/tokens.go", "		return ForOtherARM", "		return ForARM", emulator, "TestOtherCloud"},
		}},
		{"beyond-loopback", "The emulator listens for other machines only if an option allows it.", []Break{
			{serve, "!addr.IP.IsLoopback() && !e.beyond {", "false {", emulator, "TestServeBeyondLoopback"},
		}},
		{"plain-http-peers", "The emulator answers no request over plain HTTP from another machine.", []Break{
			{serve, "	if r.TLS == nil && !fromHere(r) {", "	if false {", emulator, "TestPlainHTTP"},
			{"emulator/control.go", "err == nil && from.Addr().Unmap().IsLoopback()", "err == nil && from.Addr().IsValid()", emulator, "TestPlainHTTP"},
		}},
		{"standing-still", "A client that stalls while it sends a body or reads an answer is ended in time; one that makes progress is not.", []Break{
			{limits, "	ReadTime = 30 * time.Second", "	ReadTime = 30 * time.Minute", emulator, "TestStalledForm"},
			{limits, "	WriteTime = 2 * time.Minute", "	WriteTime = 200 * time.Minute", emulator, "TestClientThatDoesNotRead"},
			{limits, "	MinBytes = 1 << 10", "	MinBytes = 1", emulator, "TestStalledPace"},
			{limits, "	MinBytes = 1 << 10", "	MinBytes = 100 << 10", emulator, "TestMovingUpload"},
			{limits, "p.moved += n; p.moved >= MinBytes {", "p.moved += n; p.moved > 0 {", idle, "TestBody"},
			{limits, "p.moved += n; p.moved >= MinBytes {", "p.moved += n; p.moved > MinBytes {", idle, "TestBody"},
			{limits, "		p.waited, p.moved = 0, 0\n", "", idle, "TestBody"},
			{body, "	_ = b.control.SetReadDeadline(at)", "	_ = at", idle, "TestBody"},
			{body, "	b.progress.begin()\n", "	if !b.begun {\n		b.progress.begin()\n	}\n", idle, "TestBody"},
			{conn, "	_ = c.Conn.SetWriteDeadline(at)", "	_ = at", idle, "TestConn"},
			{conn, "case stalled && c.progress.waited > 0:", "case stalled || true:", idle, "TestConn"},
			{conn, "		if !again || before-part.N != k {", "		if _ = before; !again || true {", idle, "TestFile"},
			{serve, "portmux.New(e.idle.Listener(l), ", "portmux.New(l, ", emulator, "TestClientThatDoesNotRead"},
			{serve, "	body := e.idle.Body(w, r)", "	body := (*idle.Body)(nil)", emulator, "TestStalledBody"},
		}},
		{"unread-bodies", "A body that no answer needs is read only up to a limit of size and time.", []Break{
			{body, "	MaxUnread = 16 << 20", "	MaxUnread = 16 << 30", idle, "TestDrain"},
			{body, "	MaxUnread = 16 << 20", "	MaxUnread = 1 << 20", emulator, "TestUnreadBody"},
			{body, "	UnreadTime = time.Minute", "	UnreadTime = 100 * time.Minute", idle, "TestDrain"},
			{body, "	if !errors.Is(b.err, io.EOF) {\n		_ = b.control.SetReadDeadline(past)\n	}\n", "	_ = errors.Is\n", idle, "TestDrain_rest"},
			{serve, "		if finished {\n			body.Drain()\n		}\n", "", emulator, "TestUnreadBody"},
		}},
		{"reset", "A stalled client does not delay a reset of the emulator or other clients, and one without a credential never does.", []Break{
			{"emulator/snapshot.go", "	resetWait   = 10 * time.Second", "	resetWait   = 1000 * time.Second", emulator, "TestResetWaitsForWhatMoves"},
			{"emulator/snapshot.go", "	resetIdle   = 3 * time.Second", "	resetIdle   = 300 * time.Second", emulator, "TestResetEndsWhatHangs"},
			{"emulator/snapshot.go", "	resetUnread = 8 * time.Second", "	resetUnread = 300 * time.Second", emulator, "TestClientThatDoesNotRead"},
			{"emulator/snapshot.go", "	resetUnread = 8 * time.Second", "	resetUnread = 3 * time.Second", emulator, "TestClientThatDoesNotRead"},
			{"emulator/snapshot.go", "		case <-timer.C:\n", "		case <-timer.C:\n			continue\n", emulator, "TestResetWaitsForWhatMoves"},
			{"emulator/snapshot.go", "	defer e.idle.Hurry(resetIdle, resetUnread)()\n", "", emulator, "TestResetEndsWhatHangs"},
			{serve, "	if !e.readForm(w, r, to) {\n		return\n	}\n", "", emulator, "TestStalledForm"},
		}},
		{"listener-times", "A client that sends nothing, half a header or nothing more loses its connection; at the end all clients do.", []Break{
			{serve, "	headerTime = 10 * time.Second", "	headerTime = 1000 * time.Second", emulator, "TestConnectionLimits"},
			{serve, "		ReadHeaderTimeout: headerTime, // bounds the TLS handshake as well\n", "", emulator, "TestConnectionLimits"},
			{serve, "	idleTime   = 2 * time.Minute", "	idleTime   = 200 * time.Minute", emulator, "TestConnectionLimits"},
			{serve, "	stopTime   = 10 * time.Second", "	stopTime   = 1000 * time.Second", emulator, "TestStop"},
			{"emulator/internal/rehearsal/wire.go", "const maxHang = 10 * time.Minute", "const maxHang = 100 * time.Minute", emulator, "TestHangEnds"},
			{serve, "	maxHeader = 256 << 10", "	maxHeader = 256 << 20", emulator, "TestHeaderLimit"},
			{"emulator/internal/portmux/portmux.go", "	maxSilent = 1024", "	maxSilent = 102400", "./emulator/internal/portmux", "TestSilentAtOnce"},
			{"emulator/internal/portmux/portmux.go", "	FirstByte = 10 * time.Second", "	FirstByte = 1000 * time.Second", emulator, "TestConnectionLimits"},
		}},
		{"proxy-times", "A client that stalls or sends nothing does not delay the proxy or keep a connection to it.", []Break{
			{"proxy/proxy.go", "body: h.idle.Body(w, r)}", "body: nil}", proxy, "TestStalledRequest"},
			{"proxy/proxy.go", "body: h.idle.Body(w, r)}", "body: nil}", proxy, "TestStalledClient"},
			{"proxy/proxy.go", "	idleLimit = 5 * time.Minute", "	idleLimit = 500 * time.Minute", proxy, "TestIdle"},
			{"proxy/answer.go", "	c.body.Drain()\n", "", proxy, "TestUnreadBody"},
			{"proxy/forward.go", "		c.body.Drain()\n", "		_ = up\n", proxy, "TestUnreadBody"},
			{run, "	l = new(idle.Server).Listener(l)\n", "	_ = new(idle.Server)\n", command, "TestListenerLimits"},
			{run, "	headerTime = 10 * time.Second", "	headerTime = 1000 * time.Second", command, "TestListenerLimits"},
			{run, "		ReadHeaderTimeout: headerTime,\n", "", command, "TestListenerLimits"},
			{run, "	idleTime   = 2 * time.Minute", "	idleTime   = 200 * time.Minute", command, "TestListenerLimits"},
			{run, "	stopTime   = 10 * time.Second", "	stopTime   = 1000 * time.Second", command, "TestListenerLimits"},
			{run, "	maxHeader = 256 << 10", "	maxHeader = 256 << 20", command, "TestHeaderLimit"},
		}},
		{"proxy-bounds", "What the proxy follows and passes on has a named limit, exact on both sides.", []Break{
			{"proxy/proxy.go", "	maxRedirects = 3", "	maxRedirects = 4", proxy, "TestRedirects"},
			{"proxy/proxy.go", "	maxRedirects = 3", "	maxRedirects = 2", proxy, "TestRedirects"},
			{"proxy/proxy.go", "	maxLink = 16 << 10", "	maxLink = 16<<10 + 1", proxy, "TestPlaces"},
			{"proxy/proxy.go", "	maxLink = 16 << 10", "	maxLink = 16<<10 - 1", proxy, "TestPlaces"},
			{"proxy/proxy.go", "	maxReplay = 64 << 10", "	maxReplay = 64 << 17", proxy, "TestExpectContinue"},
			{"proxy/proxy.go", "	maxForm = 512 << 10", "	maxForm = 512 << 17", proxy, "TestTokenServiceLimits"},
			{"proxy/proxy.go", "	maxRights = 1000", "	maxRights = 100000", proxy, "TestTokenServiceLimits"},
			{"proxy/proxy.go", "	maxUploadQuery = 8 << 10", "	maxUploadQuery = 8 << 17", proxy, "TestPlaces"},
		}},
		{"control-times", "The emulator's commands do not wait without limit for an emulator that does not answer.", []Break{
			{cli + "log.go", "	reconnectTime = 15 * time.Second", "	reconnectTime = 1500 * time.Second", "./cmd/acrkit/internal/cli/emulator", "TestFollowTime"},
			{cli + "client.go", "Bytes: 4 << 10}", "Bytes: 4 << 17}", "./cmd/acrkit/internal/cli/emulator", "TestReadLimits"},
			{"emulator/control/client.go", "Bytes: 64 << 20}", "Bytes: 64 << 22}", "./emulator/control", "TestAnswerLimit"},
			{cli + "start.go", "const readyTime = 30 * time.Second", "const readyTime = 3000 * time.Second", "./cmd/acrkit/internal/cli/emulator", "TestReadyTime"},
		}},
	}
}
