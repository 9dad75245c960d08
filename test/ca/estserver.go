// SPDX-License-Identifier: BSD-2-Clause

//go:build estserver

// With this tag alone: GlobalSign's own EST server is built from the module that go.mod pins, as it is.
package main

import _ "github.com/globalsign/est/cmd/estserver"
