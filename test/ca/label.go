// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A label is what a client asks the server to do by the path /.well-known/est/LABEL/simpleenroll.
type label struct {
	life      time.Duration // ttl-60s; 0: the profile's
	deferFor  time.Duration // defer-2s
	slow      time.Duration // slow-5s
	status    int           // status-503
	basic     bool
	html      bool
	empty     bool
	redirect  bool // to another origin
	redirHere bool // redirect-same: to the path without label
	drop      bool
	onGet     bool // get: the answers that are no certificates are given to /cacerts and /csrattrs too
	otherKey  bool
	expired   bool
	otherCA   bool
}

var flagWords = map[string]func(*label){
	"basic":         func(l *label) { l.basic = true },
	"html":          func(l *label) { l.html = true },
	"empty":         func(l *label) { l.empty = true },
	"redirect":      func(l *label) { l.redirect = true },
	"redirect-same": func(l *label) { l.redirHere = true },
	"drop":          func(l *label) { l.drop = true },
	"get":           func(l *label) { l.onGet = true },
	"otherkey":      func(l *label) { l.otherKey = true },
	"expired":       func(l *label) { l.expired = true },
}

// parseLabel takes words joined by '+' or '.'. A word that it does not know is an error: a typing error in a test must not pass.
func parseLabel(text string) (label, error) {
	var l label
	if text == "" {
		return l, nil
	}
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == '+' || c == '.' }) {
		if set, ok := flagWords[word]; ok {
			set(&l)
			continue
		}
		if strings.HasPrefix(word, "otherca") {
			l.otherCA = true
			continue
		}
		name, value, _ := strings.Cut(word, "-")
		if err := l.setValue(name, value); err != nil {
			return l, fmt.Errorf("label %q: %w", word, err)
		}
	}
	return l, nil
}

func (l *label) setValue(name, value string) error {
	var err error
	switch name {
	case "ttl":
		l.life, err = positive(value)
	case "defer":
		l.deferFor, err = positive(value)
	case "slow":
		l.slow, err = positive(value)
	case "status":
		l.status, err = strconv.Atoi(value)
		if err == nil && (l.status < 200 || l.status > 599) {
			err = fmt.Errorf("no HTTP status")
		}
	default:
		err = fmt.Errorf("unknown; README.md lists the labels")
	}
	return err
}

func positive(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("must be more than 0")
	}
	return d, err
}
