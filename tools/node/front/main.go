// TLS in front of a plain HTTP server of the same pod:
// front LISTEN CERTIFICATE KEY http://UPSTREAM
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: front LISTEN CERTIFICATE KEY http://UPSTREAM")
	}
	upstream, err := url.Parse(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], proxy))
}
