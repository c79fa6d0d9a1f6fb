package fibersse

import (
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
)

// bare returns the connection without the wrappers of fasthttp, which hand it
// over and count connections per address. Any other wrapper is left alone: it
// may change what is sent.
func bare(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ UnsafeConn() net.Conn }); ok { // a connection that is handed over
		conn = c.UnsafeConn()
	}
	if ownable(conn) { // the usual case: to ask for the name costs more
		return conn
	}
	if name := fmt.Sprintf("%T", conn); name != "*fasthttp.perIPConn" && name != "*fasthttp.perIPTLSConn" {
		return conn
	}
	// Both types embed the connection.
	if f := reflect.ValueOf(conn).Elem().FieldByName("Conn"); f.IsValid() && f.CanInterface() {
		if inner, ok := f.Interface().(net.Conn); ok {
			return inner
		}
	}
	return conn
}

// ownable reports whether core gains from taking the connection over. It does
// not for a connection in memory.
func ownable(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *tls.Conn:
		return true
	}
	return false
}
