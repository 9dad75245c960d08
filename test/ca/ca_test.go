// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"go.mozilla.org/pkcs7"
)

// The test binary is the program itself, when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("ESTCA_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestLabels(t *testing.T) {
	l, err := parseLabel("ttl-60s+basic.status-503")
	if err != nil || l.life != time.Minute || !l.basic || l.status != 503 || l.html {
		t.Errorf("%+v, %v", l, err)
	}
	for _, wrong := range []string{"tll-60s", "ttl", "ttl--1s", "status-99", "status-x", "basic+no"} {
		if _, err := parseLabel(wrong); err == nil {
			t.Errorf("%q is taken for a label", wrong)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][2]string{
		prefix + "simpleenroll":         {"", "simpleenroll"},
		prefix + "ttl-60s/simpleenroll": {"ttl-60s", "simpleenroll"},
	} {
		if lab, operation := splitPath(path); lab != want[0] || operation != want[1] {
			t.Errorf("%s is %q, %q", path, lab, operation)
		}
	}
}

// estca runs the program until the returned function is called; its folder is given.
func estca(t *testing.T, arguments ...string) (dir string, end func() error) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command(os.Args[0], append([]string{"-dir", dir, "-until-stdin-closes"}, arguments...)...)
	cmd.Env = append(os.Environ(), "ESTCA_MAIN=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return dir, func() error {
		in.Close()
		return cmd.Wait()
	}
}

func TestEndsWithItsStandardInput(t *testing.T) {
	dir, end := estca(t)
	urls, err := os.ReadFile(filepath.Join(dir, "urls"))
	if err != nil || strings.Count(string(urls), "=https://127.0.0.") != 3 {
		t.Errorf("%s, %v", urls, err)
	}
	if err = end(); err != nil {
		t.Error(err)
	}
	if _, err = os.Stat(filepath.Join(dir, "urls")); !os.IsNotExist(err) {
		t.Error("the file urls says that it still listens")
	}
}

// request makes a key and a certificate request for it.
func request(t *testing.T) (*rsa.PrivateKey, *x509.CertificateRequest) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	san := []byte{0x30, 0x11, 0xa0, 0x0f, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04, 0xa0, 0x03, 0x30, 0x01, 0x00}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:         pkix.Name{CommonName: "device", SerialNumber: "1"},
		ExtraExtensions: []pkix.Extension{{Id: oidSAN, Value: san}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

func area(t *testing.T, key *rsa.PrivateKey, attributes tpm2.KeyProp, symmetric *tpm2.SymScheme) ([]byte, tpm2.Public) {
	t.Helper()
	public := tpm2.Public{Type: tpm2.AlgRSA, NameAlg: tpm2.AlgSHA256, Attributes: attributes,
		RSAParameters: &tpm2.RSAParams{Symmetric: symmetric, KeyBits: 2048, ModulusRaw: key.N.Bytes()}}
	der, err := public.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return der, public
}

// activate is TPM2_ActivateCredential: TPM 2.0 Library, Part 1, 24.
func activate(t *testing.T, ek *rsa.PrivateKey, name, blob, secret []byte) []byte {
	t.Helper()
	seed, err := rsa.DecryptOAEP(sha256.New(), rand.Reader, ek, secret, []byte("IDENTITY\x00"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := tpm2.KDFa(tpm2.AlgSHA256, seed, "STORAGE", name, nil, 128)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	hidden := blob[2+sha256.Size:] // behind the integrity value
	cipher.NewCFBDecrypter(block, make([]byte, 16)).XORKeyStream(hidden, hidden)
	return hidden[2:]
}

// What /tpmenroll gives is opened by the TPM that has the EK, for the key that was to be certified.
func TestTPMEnroll(t *testing.T) {
	manufacturer, err := openHouse(t.TempDir(), "manufacturer", "Example", never)
	if err != nil {
		t.Fatal(err)
	}
	register, err := openRegister(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{house: manufacturer, register: register, profile: always(profileIDevID)}
	ek, _ := request(t)
	ak, csr := request(t)
	const fixed = tpm2.FlagFixedTPM | tpm2.FlagFixedParent | tpm2.FlagSensitiveDataOrigin
	ekArea, _ := area(t, ek, fixed|tpm2.FlagRestricted|tpm2.FlagDecrypt,
		&tpm2.SymScheme{Alg: tpm2.AlgAES, KeyBits: 128, Mode: tpm2.AlgCFB})
	akArea, akPublic := area(t, ak, fixed|tpm2.FlagSign, nil)
	ekCert := &x509.Certificate{PublicKey: &ek.PublicKey, SerialNumber: big.NewInt(1)}
	ctx := context.WithValue(context.Background(), entryKey{}, &entry{})

	blob, secret, sealed, err := a.TPMEnroll(ctx, csr, []*x509.Certificate{ekCert}, ekArea, akArea, "", &http.Request{})
	if err != nil {
		t.Fatal(err)
	}
	name, err := akPublic.Name()
	if err != nil {
		t.Fatal(err)
	}
	nameBytes, err := name.Digest.Encode()
	if err != nil {
		t.Fatal(err)
	}
	message, err := pkcs7.Parse(sealed)
	if err != nil {
		t.Fatal(err)
	}
	der, err := message.DecryptUsingPSK(activate(t, ek, nameBytes, blob, secret))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil || !sameKey(cert.PublicKey, &ak.PublicKey) || !cert.NotAfter.Equal(never) {
		t.Errorf("%v, %v", cert, err)
	}

	loose, _ := area(t, ak, tpm2.FlagSign, nil)
	other, _ := area(t, ek, fixed|tpm2.FlagSign, nil)
	for what, wrong := range map[string][]byte{"a key that may leave its TPM": loose, "another key": other, "no area": {1, 2}} {
		if _, _, _, err = a.TPMEnroll(ctx, csr, []*x509.Certificate{ekCert}, ekArea, wrong, "", &http.Request{}); err == nil {
			t.Errorf("%s is certified", what)
		}
	}
}
