// Package natstest runs NATS servers for tests, each in a process of its own, which
// is the test's own program.
package natstest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tidings-go/tidings/core/internal/nodetest"
)

// optionsEnv makes the program a server: it holds its options.
const optionsEnv = "TIDINGS_NATS_SERVER"

// Options are those of a server.
type Options struct {
	// SyncAlways is the server's sync_interval: always.
	SyncAlways bool
	// Name and Routes are for servers of a cluster: their own name, and the URLs of
	// all of them for each other.
	Name   string
	Routes []string
	// Cluster is the address on which a server of a cluster is reached by the others.
	Cluster string

	// Publish, if it is not empty, makes two users, both with the password "secret":
	// "admin", who may do anything, and "app", who may publish on these subjects and
	// receive on inboxes.
	Publish []string

	Port int
	Dir  string
}

// Server is a server in a process of its own.
type Server struct {
	options Options

	mu  sync.Mutex
	cmd *exec.Cmd
}

// Serve makes the process a server if it was started as one. It reports whether it
// was; the process then ends.
func Serve() bool {
	text := os.Getenv(optionsEnv)
	if text == "" {
		return false
	}
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err == nil { //nolint:musttag // It was written by the same type.
		err = o.serve()
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
	return true
}

// server returns the options as a server takes them.
func (o Options) server() (*server.Options, error) {
	so := &server.Options{
		Host: "127.0.0.1", Port: o.Port, ServerName: o.Name, JetStream: true, StoreDir: o.Dir, SyncAlways: o.SyncAlways,
		NoSigs: true, NoLog: true, MaxPayload: 2 << 20,
	}
	if len(o.Publish) > 0 {
		so.Users = []*server.User{
			{Username: "admin", Password: "secret"},
			{Username: "app", Password: "secret", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: o.Publish},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			}},
		}
	}
	if o.Cluster != "" {
		host, port, err := net.SplitHostPort(o.Cluster)
		if err != nil {
			return nil, err
		}
		so.Cluster.Name, so.Cluster.Host = "tidings", host
		if so.Cluster.Port, err = strconv.Atoi(port); err != nil {
			return nil, err
		}
		for _, route := range o.Routes {
			u, err := url.Parse(route)
			if err != nil {
				return nil, err
			}
			so.Routes = append(so.Routes, u)
		}
	}
	return so, nil
}

func (o Options) serve() error {
	so, err := o.server()
	if err != nil {
		return err
	}
	s, err := server.NewServer(so)
	if err != nil {
		return err
	}
	if os.Getenv("TIDINGS_NATS_LOG") != "" {
		so.NoLog, so.LogFile = false, ""
		s.ConfigureLogger()
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the server does not start")
	}
	if _, err := os.Stdout.WriteString(s.ClientURL() + "\n"); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() { // it ends with the test
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		stop <- os.Interrupt
	}()
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	os.Exit(0)
	return nil
}

// Start starts a server with a new directory.
func Start(o Options) (*Server, error) {
	var err error
	if o.Port == 0 {
		if o.Port, err = nodetest.FreePort(); err != nil {
			return nil, err
		}
	}
	if o.Dir, err = os.MkdirTemp("", "tidings-nats-"); err != nil {
		return nil, err
	}
	s := &Server{options: o}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(o.Dir))
	}
	return s, nil
}

// URL returns the server's address.
func (s *Server) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.options.Port) }

// URLFor returns the server's address for a user.
func (s *Server) URLFor(user string) string {
	return fmt.Sprintf("nats://%s:secret@127.0.0.1:%d", user, s.options.Port)
}

// Dir returns the directory of the server's storage.
func (s *Server) Dir() string { return s.options.Dir }

// Start starts the server again, and waits until it answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return errors.New("the server runs")
	}
	text, err := json.Marshal(s.options) //nolint:musttag // It is read by the same type.
	if err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0]) //nolint:gosec,noctx // It is this program, and ends with its input.
	cmd.Env = append(os.Environ(), optionsEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	if _, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err = cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "nats://") {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	s.cmd = cmd
	return nil
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() error { return s.signal(syscall.SIGKILL) }

// Shut ends the server in order.
func (s *Server) Shut() error { return s.signal(syscall.SIGTERM) }

func (s *Server) signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	_ = s.cmd.Wait() // which returns the signal
	s.cmd = nil
	return nil
}

// Stop ends the server, and removes its directory.
func (s *Server) Stop() error { return errors.Join(s.Kill(), os.RemoveAll(s.options.Dir)) }

// Copy copies the server's directory. The server must not run.
func (s *Server) Copy(to string) error { return os.CopyFS(to, os.DirFS(s.options.Dir)) }

// Restore replaces the server's directory by a copy. The server must not run.
func (s *Server) Restore(from string) error {
	entries, err := os.ReadDir(s.options.Dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.options.Dir, e.Name())))
	}
	return errors.Join(err, os.CopyFS(s.options.Dir, os.DirFS(from)))
}
