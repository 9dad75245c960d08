// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"
)

// The certificate profiles, by the names that the file "issued" and the log use.
const (
	profileIDevID   = "idevid"
	profileLDevID   = "ldevid"
	profileDeviceCA = "device-ca"
	profileDeviceID = "device-id"
)

var (
	oidSAN                = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints   = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidHardwareModuleName = []byte{0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04} // RFC 4108, 5
	// tcg-cap-verifiedTPMResidency and tcg-cap-verifiedTPMFixed: TCG, TPM 2.0 Keys for Device Identity and Attestation.
	policiesTPM = []asn1.ObjectIdentifier{{2, 23, 133, 11, 1, 1}, {2, 23, 133, 11, 1, 2}}
)

// template makes the certificate that a profile gives for a request.
func template(profile string, csr *x509.CertificateRequest, life time.Duration) (*x509.Certificate, error) {
	now := time.Now()
	t := &x509.Certificate{
		RawSubject:            csr.RawSubject,
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	san := extension(csr.Extensions, oidSAN)
	if san != nil {
		t.ExtraExtensions = []pkix.Extension{{Id: oidSAN, Value: san}}
	}
	if len(csr.Subject.Names) == 0 {
		return nil, refuse(400, "the request has no subject")
	}
	switch profile {
	case profileIDevID:
		if csr.Subject.SerialNumber == "" {
			return nil, refuse(400, "an IDevID needs the device's serialNumber in its subject")
		}
		if !hasHardwareModuleName(san) {
			return nil, refuse(400, "an IDevID needs a hardwareModuleName in its subjectAltName")
		}
		// No extended key usage: an IDevID serves every purpose that its key usage allows, TLS clients' too.
		t.NotAfter = never
		t.PolicyIdentifiers = policiesTPM
	case profileDeviceCA:
		t.IsCA, t.MaxPathLenZero = true, true
		t.KeyUsage |= x509.KeyUsageCertSign
	default:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return t, nil
}

func extension(list []pkix.Extension, id asn1.ObjectIdentifier) []byte {
	for _, e := range list {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	return nil
}

// asksForCA tells whether the request has basicConstraints with CA:TRUE.
func asksForCA(csr *x509.CertificateRequest) bool {
	var constraints struct {
		IsCA       bool `asn1:"optional"`
		MaxPathLen int  `asn1:"optional,default:-1"`
	}
	der := extension(csr.Extensions, oidBasicConstraints)
	rest, err := asn1.Unmarshal(der, &constraints)
	return err == nil && len(rest) == 0 && constraints.IsCA
}

// hasHardwareModuleName looks for otherName [0] { id-on-hardwareModuleName, ... } among the names.
func hasHardwareModuleName(san []byte) bool {
	var names asn1.RawValue
	if rest, err := asn1.Unmarshal(san, &names); err != nil || len(rest) != 0 || names.Tag != asn1.TagSequence {
		return false
	}
	for rest := names.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return false
		}
		if name.Class == asn1.ClassContextSpecific && name.Tag == 0 && bytes.HasPrefix(name.Bytes, oidHardwareModuleName) {
			return true
		}
	}
	return false
}
