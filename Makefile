# make check is what CI runs: every stage of .ci/run, in its order.
# make quick is for before a push: Go runs the tests that the change can break, and has
# the results of the others in its cache.
.PHONY: check quick test race lint fuzz interop fmt build

check:
	.ci/run

quick:
	test -z "$$(gofmt -l .)"
	go vet ./...
	go test ./...

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
