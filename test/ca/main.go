// SPDX-License-Identifier: BSD-2-Clause

// Estca is a certification authority for tests and demonstrations: three EST servers (RFC 7030) on loopback addresses,
// each with the policy of one phase in the life of a device. README.md tells how it is used. It is not for production.
package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	dir, manufacturer, factory, field, allow, redirectTo string
	ldevidLife, fieldLife                                time.Duration
	untilStdinCloses, expiredServers                     bool
	password                                             string
}

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", "", "folder for CA keys, certificates, secrets and logs; made if it is not there")
	flag.StringVar(&s.manufacturer, "manufacturer", "127.0.0.1:0", "address of the manufacturer's server; port 0 is any free port")
	flag.StringVar(&s.factory, "factory", "127.0.0.2:0", "address of the customer's factory server")
	flag.StringVar(&s.field, "field", "127.0.0.3:0", "address of the customer's field server")
	flag.StringVar(&s.allow, "allow", "127.0.0.0/8", "addresses that may ask the manufacturer")
	flag.StringVar(&s.redirectTo, "redirect-to", "https://127.0.0.9:1", "origin that the label \"redirect\" sends to")
	flag.DurationVar(&s.ldevidLife, "ldevid-life", 10*365*24*time.Hour, "lifetime of an LDevID")
	flag.DurationVar(&s.fieldLife, "field-life", 24*time.Hour, "lifetime of device-ca and device-id certificates")
	flag.BoolVar(&s.expiredServers, "expired-servers", false, "the servers' own certificates expired an hour ago")
	flag.BoolVar(&s.untilStdinCloses, "until-stdin-closes", false, "end when the standard input is closed")
	flag.Parse()
	if s.dir == "" || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(&s); err != nil {
		fmt.Fprintf(os.Stderr, "estca: %v\n", err)
		os.Exit(1)
	}
}

func run(s *settings) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	if s.untilStdinCloses {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			end <- syscall.SIGTERM
		}()
	}
	hosts, err := open(s)
	if err != nil {
		return err
	}
	log, err := openJournal(s.dir)
	if err != nil {
		return err
	}
	errors, err := errorLog(s.dir)
	if err != nil {
		return err
	}
	var urls strings.Builder
	for _, h := range hosts {
		if err = h.start(s, log, errors); err != nil {
			return err
		}
		fmt.Fprintf(&urls, "%s=%s\n", h.name, h.url())
	}
	ready := filepath.Join(s.dir, "urls")
	if err = writeFile(ready, []byte(urls.String()), 0o644); err != nil {
		return err
	}
	fmt.Println("ready")
	<-end
	os.Remove(ready)
	soon, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, h := range hosts {
		if h.server.Shutdown(soon) != nil {
			h.server.Close()
		}
	}
	return nil
}

// open reads or makes all that is on disk, and puts the three hosts together.
func open(s *settings) ([]*host, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	_, allowed, err := net.ParseCIDR(s.allow)
	if err != nil {
		return nil, err
	}
	manufacturer, err := openHouse(s.dir, "manufacturer", "Example Manufacturer", never)
	if err != nil {
		return nil, err
	}
	customer, err := openHouse(s.dir, "customer", "Example Customer", time.Now().AddDate(30, 0, 0))
	if err != nil {
		return nil, err
	}
	other, err := openCA(s.dir, "unrelated-root", "Unrelated Root CA", 1, never, nil)
	if err != nil {
		return nil, err
	}
	reg, err := openRegister(s.dir)
	if err != nil {
		return nil, err
	}
	var secrets [3]string
	for i, name := range []string{"secret-manufacturer", "secret-factory", "basic-password"} {
		if secrets[i], err = openSecret(filepath.Join(s.dir, name)); err != nil {
			return nil, err
		}
	}
	s.password = secrets[2]
	life := map[string]time.Duration{profileLDevID: s.ldevidLife, profileDeviceCA: s.fieldLife, profileDeviceID: s.fieldLife}
	ca := func(h *house, profile profiler) *authority {
		return &authority{house: h, other: other, life: life, register: reg, profile: profile}
	}
	return []*host{
		{name: "manufacturer", dns: "est.manufacturer.example", address: s.manufacturer, house: manufacturer,
			clients: []*house{manufacturer}, secret: secrets[0], allowed: allowed, ca: ca(manufacturer, always(profileIDevID))},
		{name: "factory", dns: "factory.customer.example", address: s.factory, house: customer,
			clients: []*house{manufacturer, customer}, secret: secrets[1], ca: ca(customer, always(profileLDevID)),
			mayAsk: func(c *x509.Certificate, operation string) string {
				if operation == "simplereenroll" {
					return needs(reg.is(c, customer, profileLDevID), "an LDevID of this customer")
				}
				return needs(reg.is(c, manufacturer, profileIDevID), "an IDevID of the manufacturer")
			}},
		{name: "field", dns: "field.customer.example", address: s.field, house: customer,
			clients: []*house{customer}, ca: ca(customer, fieldProfile),
			mayAsk: func(c *x509.Certificate, operation string) string {
				if operation == "simplereenroll" {
					return needs(reg.is(c, customer, profileLDevID, profileDeviceCA, profileDeviceID), "the old certificate")
				}
				return needs(reg.is(c, customer, profileLDevID), "an LDevID of this customer")
			}},
	}, nil
}

func always(profile string) profiler {
	return func(*x509.CertificateRequest, string) string { return profile }
}

// fieldProfile renews what is old, and else looks at what the request wants to be.
func fieldProfile(csr *x509.CertificateRequest, old string) string {
	switch {
	case old != "":
		return old
	case asksForCA(csr):
		return profileDeviceCA
	default:
		return profileDeviceID
	}
}

func needs(ok bool, what string) string {
	if ok {
		return ""
	}
	return "the TLS client certificate must be " + what
}

// openSecret reads a secret, or makes a random one. No newline at its end: programs send the file's bytes as they are.
func openSecret(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !os.IsNotExist(err) {
		return "", err
	}
	random := make([]byte, 16)
	if _, err = rand.Read(random); err != nil {
		return "", err
	}
	secret := hex.EncodeToString(random)
	return secret, writeFile(name, []byte(secret), 0o600)
}
