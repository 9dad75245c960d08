// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/globalsign/est"
)

// A host is one HTTPS listener with its policy.
type host struct {
	name    string // as in the file "urls"
	dns     string
	address string
	house   *house
	clients []*house // whose certificates are accepted in TLS
	secret  string   // of the header Secret-Value; "": none is demanded
	allowed *net.IPNet
	ca      *authority
	// mayAsk says why a client may not have what it asks for; "" if it may.
	mayAsk func(client *x509.Certificate, operation string) string

	listener net.Listener
	server   *http.Server
}

// policy stands before everything else: who fails here learns nothing of the rest.
func (h *host) policy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation := splitPath(r.URL.Path)
		if reason := h.refusal(r, operation); reason != "" {
			http.Error(w, "403 "+reason, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *host) refusal(r *http.Request, operation string) string {
	if h.allowed != nil {
		at, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !h.allowed.Contains(net.ParseIP(at)) {
			return "this address is not allowed"
		}
	}
	if r.Method != http.MethodPost {
		return "" // CA certificates and attributes are for everybody: RFC 7030, 4.1.1
	}
	if h.secret != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Secret-Value")), []byte(h.secret)) != 1 {
		return "the header Secret-Value is missing or wrong"
	}
	client := clientCertificate(r)
	if h.mayAsk != nil && !(client == nil && wantsPassword(r)) {
		return h.mayAsk(client, operation)
	}
	return ""
}

// wantsPassword tells whether a label lets user and password stand for a certificate: RFC 7030, 3.2.3. behaviour demands them.
func wantsPassword(r *http.Request) bool {
	text, _ := splitPath(r.URL.Path)
	l, err := parseLabel(text)
	return err == nil && l.basic
}

// start listens; it serves until stop.
func (h *host) start(s *settings, log *journal, errors *log.Logger) error {
	router, err := est.NewRouter(&est.ServerConfig{CA: h.ca})
	if err != nil {
		return err
	}
	b := &behaviour{next: router, redirectTo: s.redirectTo, password: s.password, deferred: map[[32]byte]time.Time{}}
	if err = h.listen(s.dir); err != nil {
		return err
	}
	address := h.listener.Addr().(*net.TCPAddr)
	until := time.Now().AddDate(1, 0, 0)
	if s.expiredServers {
		until = time.Now().Add(-time.Hour)
	}
	cert, err := h.house.serverCertificate(h.dns, address.IP, until)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	for _, c := range h.clients {
		pool.AddCert(c.root.cert)
	}
	h.server = &http.Server{
		Handler:           log.keep(h.name, h.policy(b)),
		ErrorLog:          errors,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{*cert},
			ClientAuth:   tls.VerifyClientCertIfGiven,
			ClientCAs:    pool,
		},
	}
	go func() {
		if err := h.server.ServeTLS(h.listener, "", ""); err != http.ErrServerClosed {
			errors.Printf("%s: %v", h.name, err)
		}
	}()
	return nil
}

// listen takes, for port 0, the port of the last start, so that a device's configuration stays right.
func (h *host) listen(dir string) error {
	memory := filepath.Join(dir, "address-"+h.name)
	if strings.HasSuffix(h.address, ":0") {
		last, _ := os.ReadFile(memory)
		at := strings.TrimSpace(string(last))
		if strings.HasPrefix(at, strings.TrimSuffix(h.address, "0")) {
			if l, err := net.Listen("tcp", at); err == nil {
				h.listener = l
				return nil
			}
		}
	}
	var err error
	if h.listener, err = net.Listen("tcp", h.address); err != nil {
		return err
	}
	return writeFile(memory, []byte(h.listener.Addr().String()+"\n"), 0o644)
}

func (h *host) url() string {
	return "https://" + h.listener.Addr().String() + strings.TrimSuffix(prefix, "/")
}

func errorLog(dir string) (*log.Logger, error) {
	var out io.Writer
	out, err := os.OpenFile(filepath.Join(dir, "errors.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return log.New(out, "", log.LstdFlags|log.LUTC), err
}
