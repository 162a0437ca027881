// Documents: discovery, the mapper and OpenAPI, as typed clients read them.
package main

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

func documents(config *rest.Config) (Report, error) {
	report := Report{Schemas: map[string]int{}}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return report, err
	}
	groups, err := restmapper.GetAPIGroupResources(client)
	if err != nil {
		return report, err
	}
	kind, err := restmapper.NewDiscoveryRESTMapper(groups).KindFor(schema.GroupVersionResource{Resource: "flunders"})
	if err != nil {
		return report, err
	}
	report.Kind = kind.String()
	resources, err := client.ServerResourcesForGroupVersion(flunders.GroupVersion().String())
	if err != nil {
		return report, err
	}
	for _, resource := range resources.APIResources {
		report.Resources = append(report.Resources, resource.Name)
	}
	root := openapi3.NewRoot(client.OpenAPIV3())
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		document, err := root.GVSpec(schema.GroupVersion{Group: flunders.Group, Version: version})
		if err != nil {
			return report, err
		}
		for _, described := range document.Components.Schemas {
			if _, ok := described.Extensions["x-kubernetes-group-version-kind"]; ok {
				report.Schemas[version]++
			}
		}
	}
	return report, nil
}
