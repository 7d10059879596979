# make check is what CI runs: every stage of .ci/run, in its order.
# make quick is for before a push: what breaks most often, in less than two minutes. Go has
# the results of tests that a change cannot break in its cache. It leaves out the slow tests
# of the tools, and those that build programs.
.PHONY: check quick test race lint fuzz interop fmt build

check:
	.ci/run

quick:
	test -z "$$(gofmt -l .)"
	go vet ./...
	go test $$(go list ./... | grep -v /tools/)
	go test -run 'TestImport|TestPage|TestPromises|TestExamples|TestFixes|TestNothing' ./tools/archtest
	go test -run 'TestRules|TestPage' ./tools/mutate

test:
	go test ./...

race:
	go test -race ./...

lint:
	.ci/run tools fmt tidy lint

fuzz:
	.ci/run fuzz

interop:
	.ci/run tools interop

fmt:
	gofmt -w .

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...
