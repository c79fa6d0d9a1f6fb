package natstest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tidings-go/tidings/core/internal/nodetest"
)

// Cluster is some servers that keep streams together.
type Cluster struct {
	servers []*Server
}

// StartCluster starts the servers of a cluster.
func StartCluster(n int, o Options) (*Cluster, error) {
	c := new(Cluster)
	addresses, routes := make([]string, n), make([]string, n)
	for i := range addresses {
		port, err := nodetest.FreePort()
		if err != nil {
			return nil, err
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
		routes[i] = "nats://" + addresses[i]
	}
	for i, address := range addresses {
		o := o
		o.Name, o.Cluster, o.Routes = fmt.Sprintf("server-%d", i), address, routes
		s, err := Start(o)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.servers = append(c.servers, s)
	}
	return c, nil
}

// URL returns the addresses of all servers.
func (c *Cluster) URL() string {
	var all []string
	for _, s := range c.servers {
		all = append(all, s.URL())
	}
	return strings.Join(all, ",")
}

// KillLeader ends the server that leads a stream, as kill -9 does.
func (c *Cluster) KillLeader(stream string) error {
	name, err := c.leader(stream)
	if err != nil {
		return err
	}
	for _, s := range c.servers {
		if s.options.Name == name {
			return s.Kill()
		}
	}
	return fmt.Errorf("the leader of %s is %q", stream, name)
}

// leader returns the name of the server that leads a stream, when it has one.
func (c *Cluster) leader(stream string) (name string, err error) {
	conn, err := nats.Connect(c.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	js, err := conn.JetStream(nats.MaxWait(time.Second))
	if err != nil {
		return "", err
	}
	for limit := time.Now().Add(20 * time.Second); ; {
		info, err := js.StreamInfo(stream)
		switch {
		case err == nil && info.Cluster != nil && info.Cluster.Leader != "":
			return info.Cluster.Leader, nil
		case time.Now().After(limit):
			return "", errors.Join(err, errors.New("the stream has no leader"))
		}
	}
}

// Stop ends all servers, and removes their directories.
func (c *Cluster) Stop() (err error) {
	for _, s := range c.servers {
		err = errors.Join(err, s.Stop())
	}
	return err
}
