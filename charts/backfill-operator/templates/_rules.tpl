{{/* A rule file without the alerts that are left out, each with the further labels: (list root text). */}}
{{- define "backfill.rules" -}}
{{- $values := (index . 0).Values.metrics.prometheusRule -}}
{{- /* Not there where an upgrade reuses the values of an earlier chart. */}}
{{- $further := default dict $values.alertLabels -}}
{{- /* One text for all would make two alerts the same, and Prometheus then evaluates neither. */}}
{{- range $label := list "alertname" "severity" "namespace" "job" "instance" "name" "reason" "identity" -}}
  {{- if hasKey $further $label -}}
    {{- fail (printf "metrics.prometheusRule.alertLabels must not have %s: each alert has its own" $label) -}}
  {{- end -}}
{{- end -}}
{{- $disabled := default list $values.disabled -}}
{{- $file := fromYaml (index . 1) -}}
{{- $known := list -}}
{{- range $group := $file.groups -}}
  {{- $kept := list -}}
  {{- range $rule := $group.rules -}}
    {{- $known = append $known $rule.alert -}}
    {{- if not (has $rule.alert $disabled) -}}
      {{- $_ := set $rule "labels" (merge (deepCopy $further) $rule.labels) -}}
      {{- $kept = append $kept $rule -}}
    {{- end -}}
  {{- end -}}
  {{- $_ := set $group "rules" $kept -}}
{{- end -}}
{{- range $name := $disabled -}}
  {{- if not (has $name $known) -}}
    {{- fail (printf "metrics.prometheusRule.disabled names %s, which is no alert of this chart" $name) -}}
  {{- end -}}
{{- end -}}
{{ toYaml $file }}
{{- end }}
