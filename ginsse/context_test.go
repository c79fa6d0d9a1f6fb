package ginsse_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/ginsse"
)

// A handler knows that its client has left.
func TestContext(t *testing.T) {
	t.Parallel()
	entered, ended := make(chan struct{}), make(chan error, 1)
	engine := gin.New()
	engine.GET("/", func(c *gin.Context) {
		ctx := ginsse.Context(c)
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
	})
	client, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(client, http.MethodGet, serve(t, engine), http.NoBody)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	go func() {
		<-entered
		leave()
	}()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("GET: got %s, want no answer", resp.Status)
	}
	select {
	case err = <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("context: got %v, want %v", err, context.Canceled)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("context: got no end")
	}
}
