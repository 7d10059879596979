#!/usr/bin/env bash
# Downloads acrkit, starts its emulator, and waits until it is ready. It runs on until the
# runner ends the job's processes.
set -euo pipefail
cd "$RUNNER_TEMP"
seed=()
if [[ -n $SEED ]]; then seed=(--seed "$GITHUB_WORKSPACE/$SEED"); fi

case $RUNNER_ARCH in X64) arch=amd64 ;; ARM64) arch=arm64 ;; *) echo "no acrkit for $RUNNER_ARCH" >&2; exit 1 ;; esac
archive=acrkit_${VERSION}_linux_$arch.tar.gz sums=acrkit_${VERSION}_checksums.txt
for file in "$archive" "$sums"; do
  curl --fail --silent --show-error --location --output "$file" "$RELEASES/v$VERSION/$file"
done
grep " $archive\$" "$sums" | sha256sum --check --quiet
mkdir -p acrkit-bin
tar -xzf "$archive" -C acrkit-bin
export PATH=$PWD/acrkit-bin:$PATH
echo "$PWD/acrkit-bin" >>"$GITHUB_PATH"

data=$PWD/acrkit-emulator
acrkit emulator start --data "$data" --addr 127.0.0.1:0 "${seed[@]}" --access-log >"$data.log" 2>&1 &
acrkit emulator env --wait --data "$data" >exports 2>&1 &
if ! wait -n; then # one of them failed
  cat "$data.log" exports >&2
  exit 1
fi
name=$(sed -n 's/^export ACR_NAME=//p' exports)
printf '%s\n' "data=$data" "login-server=$name" "ca-file=$data/ca.pem" >>"$GITHUB_OUTPUT"
rm exports
