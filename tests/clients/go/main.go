// What client-go sees of a resource: informers that stay in step while it changes, discovery, the mapper, OpenAPI.
//
// It runs until its standard input ends, then waits until every informer agrees with a fresh list, and prints one line of
// JSON about all that it saw. Whoever starts it makes the changes, and restarts servers, meanwhile.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
)

// Report is the line that is printed.
type Report struct {
	// Informers tells, by the name of each, how it ended.
	Informers map[string]Outcome `json:"informers"`
	// Kind is what the mapper makes of the resource, in its preferred version.
	Kind string `json:"kind"`
	// Resources are those of the group in its preferred version, from typed discovery.
	Resources []string `json:"resources"`
	// Schemas counts the schemas of each version in OpenAPI v3 that say which kind they are.
	Schemas map[string]int `json:"schemas"`
}

// Outcome is what became of one informer.
type Outcome struct {
	// Objects that it held in the end.
	Objects int `json:"objects"`
	// Differences between what it held and a list, after it was given time.
	Differences []string `json:"differences"`
	// Events that it told its handlers of.
	Events int64 `json:"events"`
	// Began is how it came to its first objects, when nothing was disturbed yet.
	Began Requests `json:"began"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach kube-apiserver")
	namespace := flag.String("namespace", "", "where to look")
	patience := flag.Duration("patience", time.Minute, "how long informers may take to catch up in the end")
	flag.Parse()
	if err := run(*kubeconfig, *namespace, *patience); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

var flunders = schema.GroupVersionResource{Group: "wardle.example.com", Version: "v1beta1", Resource: "flunders"}

func run(kubeconfig, namespace string, patience time.Duration) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 1000, 1000
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	followers, err := follow(ctx, config, namespace)
	if err != nil {
		return err
	}
	fmt.Println("following")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
	}
	report, err := documents(config)
	if err != nil {
		return err
	}
	if report.Informers, err = agree(ctx, config, namespace, followers, patience); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}
