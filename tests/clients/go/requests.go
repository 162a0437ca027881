// Requests: how an informer came to its objects. One that cannot stream them falls back to lists without a word.
package main

import (
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// Requests counts those that were answered with what was asked for.
type Requests struct {
	// Streams are watches that begin with the objects that there are.
	Streams int64 `json:"streams"`
	// Lists are plain ones, or pages of them.
	Lists int64 `json:"lists"`
}

// counter sees the requests of one informer.
type counter struct{ streams, lists atomic.Int64 }

func (c *counter) requests() Requests {
	return Requests{Streams: c.streams.Load(), Lists: c.lists.Load()}
}

// on returns a configuration whose requests are counted.
func (c *counter) on(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil && response.StatusCode == http.StatusOK {
				c.count(request)
			}
			return response, err
		})
	})
	return config
}

func (c *counter) count(request *http.Request) {
	query := request.URL.Query()
	if query.Get("sendInitialEvents") == "true" {
		c.streams.Add(1)
	} else if query.Get("watch") == "" {
		c.lists.Add(1)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
