package ginsse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/monitor"
)

// The app decides who may see the monitor: here by a cookie. The page is at
// /monitor/.
func ExampleNew_monitor() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	r := gin.New()
	r.Any("/monitor/*path", gin.WrapH(monitor.Handler(hub, func(r *http.Request) bool {
		c, err := r.Cookie("session")
		return err == nil && c.Value == "an operator's"
	})))
	server := httptest.NewServer(r)
	defer server.Close()
	for _, cookie := range []string{"", "session=an operator's"} {
		for _, path := range []string{"/monitor/", "/monitor/feed"} {
			req, err := http.NewRequest(http.MethodGet, server.URL+path, http.NoBody)
			if err != nil {
				fmt.Println(err)
				return
			}
			req.Header.Set("Cookie", cookie)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(path, resp.Status, resp.Header.Get("Content-Type"))
			_ = resp.Body.Close()
		}
	}
	// Output:
	// /monitor/ 403 Forbidden text/plain; charset=utf-8
	// /monitor/feed 403 Forbidden text/plain; charset=utf-8
	// /monitor/ 200 OK text/html; charset=utf-8
	// /monitor/feed 200 OK text/event-stream
}
