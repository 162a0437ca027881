// Informers: three ways to follow the same objects.
package main

import (
	"context"
	"fmt"
	"sort"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

type follower struct {
	informer cache.SharedIndexInformer
	events   *atomic.Int64
	requests *counter
	// began is how it came to its first objects.
	began Requests
}

// follow starts every informer, and returns once all have read what there is.
func follow(ctx context.Context, config *rest.Config, namespace string) (map[string]*follower, error) {
	followers := map[string]*follower{}
	for name, build := range map[string]builder{"streamed": streamed, "listed": listed, "metadata": partial} {
		requests := &counter{}
		informer, err := build(ctx, requests.on(config), namespace)
		if err != nil {
			return nil, err
		}
		events := &atomic.Int64{}
		count := func(any) { events.Add(1) }
		handlers := cache.ResourceEventHandlerFuncs{
			AddFunc:    count,
			UpdateFunc: func(_, changed any) { count(changed) },
			DeleteFunc: count,
		}
		if _, err := informer.AddEventHandler(handlers); err != nil {
			return nil, err
		}
		go informer.RunWithContext(ctx)
		followers[name] = &follower{informer: informer, events: events, requests: requests}
	}
	for name, follower := range followers {
		if !cache.WaitForCacheSync(ctx.Done(), follower.informer.HasSynced) {
			return nil, fmt.Errorf("the informer %s reads nothing", name)
		}
		follower.began = follower.requests.requests()
	}
	return followers, nil
}

// builder makes one kind of informer.
type builder func(ctx context.Context, config *rest.Config, namespace string) (cache.SharedIndexInformer, error)

func streamed(ctx context.Context, config *rest.Config, namespace string) (cache.SharedIndexInformer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return objects(streaming(ctx, client.Resource(flunders).Namespace(namespace))), nil
}

func listed(ctx context.Context, config *rest.Config, namespace string) (cache.SharedIndexInformer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return objects(noStreaming{streaming(ctx, client.Resource(flunders).Namespace(namespace))}), nil
}

func partial(_ context.Context, config *rest.Config, namespace string) (cache.SharedIndexInformer, error) {
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return metadatainformer.NewFilteredMetadataInformer(client, flunders, namespace, 0, nil, nil).Informer(), nil
}

func objects(from cache.ListerWatcher) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(from, &unstructured.Unstructured{}, 0, nil)
}

// streaming lists by a watch with initial events, which is client-go's default.
func streaming(ctx context.Context, objects dynamic.ResourceInterface) cache.ListerWatcher {
	return &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return objects.Watch(ctx, options)
		},
	}
}

// noStreaming is how a ListerWatcher says that it wants plain lists.
type noStreaming struct{ cache.ListerWatcher }

func (noStreaming) IsWatchListSemanticsUnSupported() bool { return true }

// agree waits until every informer holds what a list says, and tells what it holds otherwise.
func agree(ctx context.Context, config *rest.Config, namespace string, followers map[string]*follower, patience time.Duration) (map[string]Outcome, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	list, err := client.Resource(flunders).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{}
	for _, item := range list.Items {
		wanted[item.GetName()] = item.GetResourceVersion()
	}
	outcomes := map[string]Outcome{}
	until := time.Now().Add(patience)
	for name, follower := range followers {
		differences := compare(wanted, follower.informer)
		for len(differences) > 0 && time.Now().Before(until) {
			time.Sleep(50 * time.Millisecond)
			differences = compare(wanted, follower.informer)
		}
		objects := len(follower.informer.GetStore().ListKeys())
		outcomes[name] = Outcome{objects, differences, follower.events.Load(), follower.began}
	}
	return outcomes, nil
}

func compare(wanted map[string]string, informer cache.SharedIndexInformer) []string {
	differences := []string{}
	seen := map[string]bool{}
	for _, object := range informer.GetStore().List() {
		held, err := meta.Accessor(object)
		if err != nil {
			return []string{err.Error()}
		}
		seen[held.GetName()] = true
		if version, ok := wanted[held.GetName()]; !ok || version != held.GetResourceVersion() {
			differences = append(differences, fmt.Sprintf("%s is %q, held as %q", held.GetName(), version, held.GetResourceVersion()))
		}
	}
	for name := range wanted {
		if !seen[name] {
			differences = append(differences, name+" is missing")
		}
	}
	sort.Strings(differences)
	return differences
}
