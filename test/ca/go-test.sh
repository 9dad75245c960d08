#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The test CA's own tests.
command -v go >/dev/null || { echo "passed over: go is needed: apt-get install golang-go"; exit 77; }
cd "${DEVID_SRC:?}/test/ca" || exit 99
export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -modcacherw -buildvcs=false'
n=0
failed=0
for what in vet test; do
    n=$((n + 1))
    if out=$(go $what . 2>&1); then
        echo "ok $n - go $what"
    else
        echo "not ok $n - go $what"
        echo "$out" | sed 's/^/# /'
        failed=1
    fi
done
echo "1..$n"
exit $failed
