{{/* Names and labels. */}}
{{- define "backfill.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A release's name may hold dots; a name that is cut ends in neither a dot nor a dash. One that is
given is never cut: a longer one is refused. */}}
{{- define "backfill.fullname" -}}
{{- $name := include "backfill.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | regexFind "^.*[a-z0-9]" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | regexFind "^.*[a-z0-9]" }}
{{- end -}}
{{- end }}

{{- define "backfill.account" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "backfill.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name must name an account where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "backfill.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "backfill.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The same with further labels, which win: (list root labels). */}}
{{- define "backfill.labelsWith" -}}
{{ toYaml (mergeOverwrite (include "backfill.labels" (index . 0) | fromYaml) (index . 1)) }}
{{- end }}

{{/* What all pods of a release have. */}}
{{- define "backfill.selector" -}}
app.kubernetes.io/name: {{ include "backfill.name" . | toYaml }}
app.kubernetes.io/instance: {{ toYaml .Release.Name }}
{{- end }}

{{/* What only the operator's own pods have: a migration's pod is not one of them. */}}
{{- define "backfill.operatorSelector" -}}
{{ include "backfill.selector" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The kinds, for all roles: their objects, and the statuses of these. */}}
{{- define "backfill.kinds" -}}
repositorybackfills
{{- end }}
{{- define "backfill.statuses" -}}
repositorybackfills/status
{{- end }}
