package fibersse

import (
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
)

// bare returns the connection under what fasthttp wraps it in, to hand it over
// and to count connections per address. Any other wrapper is left alone: it may
// change what is sent.
func bare(conn net.Conn) net.Conn {
	if c, ok := conn.(interface{ UnsafeConn() net.Conn }); ok { // one that is handed over
		conn = c.UnsafeConn()
	}
	if name := fmt.Sprintf("%T", conn); name != "*fasthttp.perIPConn" && name != "*fasthttp.perIPTLSConn" {
		return conn
	}
	// They embed the connection.
	if f := reflect.ValueOf(conn).Elem().FieldByName("Conn"); f.IsValid() && f.CanInterface() {
		if inner, ok := f.Interface().(net.Conn); ok {
			return inner
		}
	}
	return conn
}

// ownable reports whether core can do more with the connection than fasthttp
// does: not with one in memory.
func ownable(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *tls.Conn:
		return true
	}
	return false
}
