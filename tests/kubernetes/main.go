// What Kubernetes makes of the variables of a container: kubectl's own reader of YAML, and the kubelet's own expansion
// of references. Reads documents from a JSON list on standard input, writes one result for each.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/kubernetes/third_party/forked/golang/expansion"
	"sigs.k8s.io/yaml"
)

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type container struct {
	Env []variable `json:"env"`
}

type result struct {
	Refused string            `json:"refused"`
	Env     map[string]string `json:"env"`
}

func main() {
	var documents []string
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		panic(err)
	}
	results := []result{}
	for _, document := range documents {
		results = append(results, read(document))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		panic(err)
	}
}

// read goes the way of a manifest: kubectl sends JSON, and the server wants the types of its schema.
func read(document string) result {
	found := result{Env: map[string]string{}}
	text, err := yaml.YAMLToJSON([]byte(document))
	var said container
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		return result{Refused: err.Error()}
	}
	for _, each := range said.Env {
		found.Env[each.Name] = expansion.Expand(each.Value, expansion.MappingFuncFor(found.Env))
	}
	return found
}
