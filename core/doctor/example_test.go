package doctor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tidings-go/tidings/core/doctor"
)

// The app mounts the probe where its streams are.
func ExampleEndpoint() {
	mux := http.NewServeMux()
	mux.Handle("GET /doctor", doctor.Endpoint(doctor.EndpointConfig{
		Token: "a secret of the app's", // from its environment
	}))
	// In Gin: r.GET("/doctor", ginsse.Serve(doctor.Endpoint(…)))
	// In Fiber: app.Get("/doctor", fibersse.Serve(doctor.Endpoint(…)))

	server := httptest.NewServer(mux)
	defer server.Close()
	resp, err := http.Get(server.URL + "/doctor")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println("without the token:", resp.Status)
	// Output: without the token: 403 Forbidden
}

func ExampleExamine() {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	report, err := doctor.Examine(context.Background(), doctor.Config{URL: server.URL + "/doctor"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range report.Findings {
		fmt.Println(finding.Severity, finding.Code)
		fmt.Println(finding.Why)
	}
	// Output:
	// error status
	// An EventSource gives up for good after any status but 200: the page gets no events until it is loaded again.
}
