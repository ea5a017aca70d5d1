{{/* What metrics and probes are served by: the Secrets that the operator's pod has for it, as its
volumes. Neither value is there where an upgrade reuses the values of an earlier chart. */}}
{{- define "backfill.metricsVolumes" -}}
{{- with (default dict .Values.metrics.tls).existingSecret }}
- name: metrics-tls
  secret:
    secretName: {{ toYaml . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- $auth := default dict .Values.metrics.auth }}
{{- with $auth.existingSecret }}
- name: metrics-token
  secret:
    secretName: {{ toYaml . }}
    items:
      - key: {{ toYaml $auth.existingSecretKey }}
        path: token
{{- end }}
{{- end }}

{{/* How the operator is told of each. */}}
{{- define "backfill.metricsArgs" -}}
{{- range include "backfill.metricsVolumes" . | fromYamlArray }}
{{- if eq .name "metrics-tls" }}
- --metrics-cert-dir={{ include "backfill.place" . }}
{{- else }}
- --metrics-token-file={{ include "backfill.place" . }}/token
{{- end }}
{{- end }}
{{- end }}

{{/* A probe of this path. The kubelet takes every certificate. */}}
{{- define "backfill.probe" -}}
httpGet:
  path: {{ index . 1 }}
  port: http
  {{- if (default dict (index . 0).Values.metrics.tls).existingSecret }}
  scheme: HTTPS
  {{- end }}
{{- end }}

{{/* A duration of Prometheus, such as 1m30s, in milliseconds. */}}
{{- define "backfill.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
  {{- $unit := regexFind "[a-z]+" . -}}
  {{- $sum = addf $sum (mulf (trimSuffix $unit .) (get $units $unit)) -}}
{{- end -}}
{{ $sum }}
{{- end }}

{{/* How a PodMonitor has the operator scraped. */}}
{{- define "backfill.scrape" -}}
{{- $tls := default dict .Values.metrics.tls -}}
{{- with $tls.existingSecret }}
scheme: https
tlsConfig:
  {{- with $tls.caKey }}
  ca:
    secret:
      name: {{ toYaml $tls.existingSecret }}
      key: {{ toYaml . }}
  {{- end }}
  serverName: {{ toYaml $tls.serverName }}
{{- end }}
{{- $auth := default dict .Values.metrics.auth }}
{{- with $auth.existingSecret }}
authorization:
  type: Bearer
  credentials:
    name: {{ toYaml . }}
    key: {{ toYaml $auth.existingSecretKey }}
{{- end }}
{{- end }}
