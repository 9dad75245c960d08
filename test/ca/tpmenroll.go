// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net/http"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/credactivation"
	"go.mozilla.org/pkcs7"
)

func init() {
	// What the EST library's own server and client use; the package's default is DES.
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES128GCM
}

// TPMEnroll gives the certificate encrypted, with a key that only the TPM with this EK opens, and only beside the certified key.
// The library has checked that the EK certificate is for the EK.
func (a *authority) TPMEnroll(ctx context.Context, csr *x509.CertificateRequest, ekCerts []*x509.Certificate, ekPub, akPub []byte, aps string, _ *http.Request) ([]byte, []byte, []byte, error) {
	ek, err := tpm2.DecodePublic(ekPub)
	if err != nil {
		return nil, nil, nil, refuse(http.StatusBadRequest, "the EK's public area cannot be read")
	}
	ak, err := tpm2.DecodePublic(akPub)
	if err != nil {
		return nil, nil, nil, refuse(http.StatusBadRequest, "the public area of the key to certify cannot be read")
	}
	if ek.RSAParameters == nil || ek.RSAParameters.Symmetric == nil || ek.RSAParameters.Symmetric.KeyBits != 128 {
		return nil, nil, nil, refuse(http.StatusUnprocessableEntity, "only RSA EKs with AES-128 are served")
	}
	const fixed = tpm2.FlagFixedTPM | tpm2.FlagFixedParent | tpm2.FlagSensitiveDataOrigin
	if ak.Attributes&fixed != fixed {
		return nil, nil, nil, refuse(http.StatusUnprocessableEntity, "the key to certify is not fixed in its TPM")
	}
	public, err := ak.Key()
	if err != nil || !sameKey(public, csr.PublicKey) {
		return nil, nil, nil, refuse(http.StatusUnprocessableEntity, "the request is for another key than the public area")
	}
	name, err := ak.Name()
	if err != nil || name.Digest == nil {
		return nil, nil, nil, refuse(http.StatusUnprocessableEntity, "the key to certify has no name")
	}
	cert, err := a.issue(ctx, csr, public, aps, "")
	if err != nil {
		return nil, nil, nil, err
	}
	return seal(cert, ekCerts[0], name.Digest)
}

func seal(cert, ek *x509.Certificate, name *tpm2.HashValue) (blob, secret, sealed []byte, err error) {
	key := make([]byte, 16)
	if _, err = rand.Read(key); err != nil {
		return nil, nil, nil, err
	}
	if blob, secret, err = credactivation.Generate(name, ek.PublicKey, 16, key); err != nil {
		return nil, nil, nil, err
	}
	if sealed, err = pkcs7.EncryptUsingPSK(cert.Raw, key); err != nil {
		return nil, nil, nil, err
	}
	return blob[2:], secret[2:], sealed, nil // on the wire without the TPM2B sizes
}
