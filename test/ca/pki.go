// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// never is how RFC 5280, 4.1.2.5 writes that a certificate does not expire.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// A signer is a CA: its certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// A house is one organisation: a root, the CA that issues for devices, and the CA that issues for servers.
type house struct {
	root, issuing, server signer
	also                  string // file of further certificates for /cacerts
}

func openHouse(dir, name, title string, notAfter time.Time) (*house, error) {
	var h house
	var err error
	if h.root, err = openCA(dir, name+"-root", title+" Root CA", 2, notAfter, nil); err != nil {
		return nil, err
	}
	if h.issuing, err = openCA(dir, name+"-issuing", title+" Issuing CA", 1, notAfter, &h.root); err != nil {
		return nil, err
	}
	if h.server, err = openCA(dir, name+"-server", title+" Server CA", 0, notAfter, &h.root); err != nil {
		return nil, err
	}
	h.also = filepath.Join(dir, name+"-also.pem")
	chain := append(pemOf(h.issuing.cert), pemOf(h.root.cert)...)
	return &h, writeFile(filepath.Join(dir, name+"-chain.pem"), chain, 0o644)
}

// openCA reads NAME.pem and NAME.key, or makes both. The certificate is written last: without it the key does not count.
func openCA(dir, name, title string, pathLen int, notAfter time.Time, parent *signer) (signer, error) {
	certFile, keyFile := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	if _, err := os.Stat(certFile); err == nil {
		return readCA(certFile, keyFile)
	}
	key, err := newKey()
	if err != nil {
		return signer{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: title, Organization: []string{"Example"}},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            pathLen,
		MaxPathLenZero:        pathLen == 0,
	}
	ca := signer{key: key}
	if parent == nil {
		parent = &signer{cert: template, key: key}
	}
	if ca.cert, err = parent.sign(template, key.Public()); err != nil {
		return signer{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return signer{}, err
	}
	if err = writeFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return signer{}, err
	}
	return ca, writeFile(certFile, pemOf(ca.cert), 0o644)
}

func readCA(certFile, keyFile string) (signer, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return signer{}, fmt.Errorf("%s: %w", certFile, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return signer{}, errors.New(keyFile + ": this key cannot sign")
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	return signer{cert, key}, err
}

// readAlso reads what a root's successor brings: itself, NewWithOld, OldWithNew. RFC 4210, 4.4. No file, no certificates.
func readAlso(name string) (certs []*x509.Certificate) {
	data, _ := os.ReadFile(name)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// sign issues template for public: a random serial number of 127 bits, and the key identifiers, are added here.
func (s *signer) sign(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	if template.SubjectKeyId, err = keyID(public); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.cert, public, s.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// serverCertificate is new at each start; only its CA is kept.
func (h *house) serverCertificate(name string, ip net.IP, until time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	cert, err := h.server.sign(&x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		IPAddresses:           []net.IP{ip},
		NotBefore:             until.AddDate(-1, 0, 0),
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, key.Public())
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, h.server.cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// keyID is RFC 5280, 4.2.1.2, method 1.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err = asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:], nil
}

func sameKey(a, b crypto.PublicKey) bool {
	left, errLeft := x509.MarshalPKIXPublicKey(a)
	right, errRight := x509.MarshalPKIXPublicKey(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func pemOf(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// writeFile replaces name at one instant: who waits for it never sees half of it.
func writeFile(name string, data []byte, mode os.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
