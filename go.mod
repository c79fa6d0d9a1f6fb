module github.com/tidings-go/tidings

go 1.25.0

require (
	github.com/chromedp/chromedp v0.20.1
	github.com/gin-gonic/gin v1.12.0
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/valyala/fasthttp v1.51.0
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.44.0
)
