//go:build linux

package proc

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sockets is what the kernel holds, in bytes, for the connections of one port
// of the loopback.
type Sockets struct {
	// Sent is data in the send queues of the port's own sockets: what the
	// peers have not acknowledged, sent or not.
	Sent int64
	// Memory is what is allocated for the port's own sockets: send and receive
	// queues with the kernel's structures around the data.
	Memory int64
	// Peers is the same for the sockets at the other ends, which are on this
	// machine, too.
	Peers int64
}

// The layouts of linux/inet_diag.h: a request, and an answer before its
// attributes.
const (
	diagRequest  = 56
	diagAnswer   = 72
	diagSource   = 4 // offset of the source port in an answer
	diagPeer     = 6
	diagSent     = 60
	diagSkMem    = 7 // INET_DIAG_SKMEMINFO
	skMemReceive = 0 // the index of SK_MEMINFO_RMEM_ALLOC
	skMemForward = 4
	skMemSend    = 5
)

// SocketsOf returns what the kernel holds for the established IPv4 connections
// of a port, from a dump of its socket diagnostics.
func SocketsOf(port int) (Sockets, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return Sockets{}, fmt.Errorf("socket diagnostics: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // There is nothing to lose.
	request := make([]byte, unix.NLMSG_HDRLEN+diagRequest)
	native := binary.NativeEndian
	native.PutUint32(request[0:], uint32(len(request)))
	native.PutUint16(request[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := request[unix.NLMSG_HDRLEN:]
	body[0], body[1], body[2] = unix.AF_INET, unix.IPPROTO_TCP, 1<<(diagSkMem-1)
	native.PutUint32(body[4:], 1<<unix.BPF_TCP_ESTABLISHED|1<<unix.BPF_TCP_CLOSE_WAIT)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return Sockets{}, fmt.Errorf("socket diagnostics: %w", err)
	}
	var s Sockets
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return s, fmt.Errorf("socket diagnostics: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return s, fmt.Errorf("socket diagnostics: %w", err)
		}
		for _, m := range messages {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return s, nil
			case unix.NLMSG_ERROR:
				return s, fmt.Errorf("socket diagnostics: refused: % x", m.Data)
			default:
				s.add(m.Data, port)
			}
		}
	}
}

// add counts one socket, if it is an end of a connection to the port.
func (s *Sockets) add(answer []byte, port int) {
	if len(answer) < diagAnswer {
		return
	}
	own := int(binary.BigEndian.Uint16(answer[diagSource:])) == port
	if !own && int(binary.BigEndian.Uint16(answer[diagPeer:])) != port {
		return
	}
	memory := skMemory(answer[diagAnswer:])
	if !own {
		s.Peers += memory
		return
	}
	s.Memory += memory
	s.Sent += int64(binary.NativeEndian.Uint32(answer[diagSent:]))
}

// skMemory returns the memory of a socket, from the attributes of an answer.
func skMemory(attributes []byte) int64 {
	native := binary.NativeEndian
	for len(attributes) >= unix.SizeofRtAttr {
		size := int(native.Uint16(attributes))
		if size < unix.SizeofRtAttr || size > len(attributes) {
			return 0
		}
		value := attributes[unix.SizeofRtAttr:size]
		if native.Uint16(attributes[2:]) == diagSkMem && len(value) >= 4*(skMemSend+1) {
			var sum int64
			for _, i := range []int{skMemReceive, skMemForward, skMemSend} {
				sum += int64(native.Uint32(value[4*i:]))
			}
			return sum
		}
		// Attributes begin at multiples of four.
		attributes = attributes[min((size+3)&^3, len(attributes)):]
	}
	return 0
}
