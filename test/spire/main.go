// SPDX-License-Identifier: BSD-2-Clause

// attest takes a device through SPIRE's node attestation tpm_devid: SPIRE's own agent plugin with the device's TPM and the files of
// "devid export --spire", against SPIRE's own server plugin, which knows only the CAs. What the agent says is carried to the server
// and back here; in a SPIRE deployment gRPC does that.
//
//	attest -tpm SOCKET -files FOLDER -devid-ca FILE -ek-ca FILE
//
// It prints the device's SPIFFE ID and selectors, a line each.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	agentv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/agent/nodeattestor/v1"
	serverv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/nodeattestor/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	agent "github.com/spiffe/spire/pkg/agent/plugin/nodeattestor/tpmdevid"
	server "github.com/spiffe/spire/pkg/server/plugin/nodeattestor/tpmdevid"
	"google.golang.org/grpc"
)

// wire is what lies between the two plugins.
type wire struct {
	toServer   chan *serverv1.AttestRequest
	toAgent    chan []byte // challenges
	agentEnded chan struct{}
	serverDone chan struct{}
}

type agentEnd struct {
	grpc.ServerStream
	*wire
}

func (e agentEnd) Context() context.Context { return context.Background() }

func (e agentEnd) Send(m *agentv1.PayloadOrChallengeResponse) error {
	request := &serverv1.AttestRequest{}
	if payload := m.GetPayload(); payload != nil {
		request.Request = &serverv1.AttestRequest_Payload{Payload: payload}
	} else {
		request.Request = &serverv1.AttestRequest_ChallengeResponse{ChallengeResponse: m.GetChallengeResponse()}
	}
	select {
	case e.toServer <- request:
		return nil
	case <-e.serverDone:
		return io.EOF
	}
}

func (e agentEnd) Recv() (*agentv1.Challenge, error) {
	select {
	case challenge := <-e.toAgent:
		return &agentv1.Challenge{Challenge: challenge}, nil
	case <-e.serverDone:
		return nil, io.EOF
	}
}

type serverEnd struct {
	grpc.ServerStream
	*wire
	verdict *serverv1.AgentAttributes
}

func (e *serverEnd) Context() context.Context { return context.Background() }

func (e *serverEnd) Send(m *serverv1.AttestResponse) error {
	if attributes := m.GetAgentAttributes(); attributes != nil {
		e.verdict = attributes
		return nil
	}
	select {
	case e.toAgent <- m.GetChallenge():
		return nil
	case <-e.agentEnded:
		return io.EOF
	}
}

func (e *serverEnd) Recv() (*serverv1.AttestRequest, error) {
	select {
	case request := <-e.toServer:
		return request, nil
	case <-e.agentEnded:
		return nil, io.EOF
	}
}

func run() error {
	tpm := flag.String("tpm", "", "the TPM's socket")
	files := flag.String("files", "", "folder of devid export --spire")
	devidCA := flag.String("devid-ca", "", "PEM file of the CAs of DevIDs")
	ekCA := flag.String("ek-ca", "", "PEM file of the chip makers' CAs")
	flag.Parse()

	a, s := agent.New(), server.New()
	a.SetLogger(hclog.New(&hclog.LoggerOptions{Output: os.Stderr}))
	core := &configv1.CoreConfiguration{TrustDomain: "example.org"}
	_, err := a.Configure(context.Background(), &configv1.ConfigureRequest{CoreConfiguration: core, HclConfiguration: fmt.Sprintf(
		"tpm_device_path = %q\ndevid_priv_path = %q\ndevid_pub_path = %q\ndevid_cert_path = %q\n", *tpm,
		*files+"/devid.priv.blob", *files+"/devid.pub.blob", *files+"/devid.crt.pem")})
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	_, err = s.Configure(context.Background(), &configv1.ConfigureRequest{CoreConfiguration: core, HclConfiguration: fmt.Sprintf(
		"devid_ca_path = %q\nendorsement_ca_path = %q\n", *devidCA, *ekCA)})
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}

	w := &wire{make(chan *serverv1.AttestRequest), make(chan []byte), make(chan struct{}), make(chan struct{})}
	end := &serverEnd{wire: w}
	var serverErr error
	go func() {
		serverErr = s.Attest(end)
		close(w.serverDone)
	}()
	agentErr := a.AidAttestation(agentEnd{wire: w})
	close(w.agentEnded)
	<-w.serverDone
	if serverErr != nil {
		return fmt.Errorf("server: %w (agent: %v)", serverErr, agentErr)
	}
	if agentErr != nil {
		return fmt.Errorf("agent: %w", agentErr)
	}
	fmt.Println(end.verdict.SpiffeId)
	for _, selector := range end.verdict.SelectorValues {
		fmt.Println(selector)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "attest:", err)
		os.Exit(1)
	}
}
