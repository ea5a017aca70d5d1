// Judges objects as the tools do that people wait with: by kstatus, which Flux and Helm use, and
// by Argo CD's own health and action engine under the customizations of an argocd-cm.
//
// One JSON document on standard input, one on standard output. It knows no kind of ours.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// A question: `data` of an argocd-cm, and the cases to judge under it.
type question struct {
	ConfigMap map[string]string `json:"configMap"`
	Cases     []struct {
		Object map[string]any `json:"object"`
		// The action to run, if any.
		Action string `json:"action"`
	} `json:"cases"`
}

// What the tools say of one object.
type verdict struct {
	Kstatus string `json:"kstatus"`
	// Empty where Argo CD has no opinion.
	Health  string `json:"health"`
	Message string `json:"message"`
	// Names of the actions that are offered, and of those that are shown but not offered.
	Offered  []string `json:"offered"`
	Disabled []string `json:"disabled"`
	// What the action asks Argo CD to write.
	Impacted []lua.ImpactedResource `json:"impacted,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("the question: %w", err)
	}
	overrides := overridesOf(asked.ConfigMap)
	answers := []verdict{}
	for place, one := range asked.Cases {
		// Argo CD's numbers are those of a Kubernetes client: whole ones are integers.
		object := &unstructured.Unstructured{}
		text, err := json.Marshal(one.Object)
		if err != nil {
			return err
		}
		if err := object.UnmarshalJSON(text); err != nil {
			return fmt.Errorf("case %d: %w", place, err)
		}
		answer, err := judge(object, overrides, one.Action)
		if err != nil {
			return fmt.Errorf("case %d: %w", place, err)
		}
		answers = append(answers, answer)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// The customizations of an argocd-cm, keyed as Argo CD keys them: `group_Kind` is `group/Kind`.
func overridesOf(data map[string]string) map[string]argo.ResourceOverride {
	overrides := map[string]argo.ResourceOverride{}
	for key, value := range data {
		rest, found := strings.CutPrefix(key, "resource.customizations.")
		what, kind, whole := strings.Cut(rest, ".")
		if !found || !whole {
			continue
		}
		kind = strings.Replace(kind, "_", "/", 1)
		override := overrides[kind]
		switch what {
		case "health":
			override.HealthLua = value
		case "actions":
			override.Actions = value
		}
		overrides[kind] = override
	}
	return overrides
}

func judge(
	object *unstructured.Unstructured,
	overrides map[string]argo.ResourceOverride,
	action string,
) (verdict, error) {
	answer := verdict{Offered: []string{}, Disabled: []string{}}
	computed, err := status.Compute(object)
	if err != nil {
		return answer, fmt.Errorf("kstatus: %w", err)
	}
	answer.Kstatus = string(computed.Status)
	// As the application controller does: deletion first, then the script.
	found, err := health.GetResourceHealth(object, lua.ResourceHealthOverrides(overrides))
	if err != nil {
		return answer, fmt.Errorf("health: %w", err)
	}
	if found != nil {
		answer.Health, answer.Message = string(found.Status), found.Message
	}
	vm := lua.VM{ResourceOverrides: overrides}
	scripts, err := vm.GetResourceActionDiscovery(object)
	if err != nil {
		return answer, fmt.Errorf("actions: %w", err)
	}
	if len(scripts) > 0 {
		actions, err := vm.ExecuteResourceActionDiscovery(object, scripts)
		if err != nil {
			return answer, fmt.Errorf("actions: %w", err)
		}
		for _, one := range actions {
			if one.Disabled {
				answer.Disabled = append(answer.Disabled, one.Name)
			} else {
				answer.Offered = append(answer.Offered, one.Name)
			}
		}
		slices.Sort(answer.Offered)
		slices.Sort(answer.Disabled)
	}
	if action != "" {
		definition, err := vm.GetResourceAction(object, action)
		if err != nil {
			return answer, fmt.Errorf("action %s: %w", action, err)
		}
		answer.Impacted, err = vm.ExecuteResourceAction(object, definition.ActionLua, nil)
		if err != nil {
			return answer, fmt.Errorf("action %s: %w", action, err)
		}
	}
	return answer, nil
}
