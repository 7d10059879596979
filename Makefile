# make check is what CI runs: every stage of .ci/run, in its order.
.PHONY: check test race lint fuzz interop fmt build

check:
	.ci/run

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
