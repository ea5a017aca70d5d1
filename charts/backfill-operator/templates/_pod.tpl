{{/* What the operator's pod and the migration's pod share. */}}
{{- define "backfill.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end -}}
{{- end }}

{{- define "backfill.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.podSecurityContext.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.podSecurityContext.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "backfill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The database of the operator, by another Secret where one is named: (list root secret). */}}
{{- define "backfill.databaseEnv" -}}
{{- $values := (index . 0).Values -}}
{{- $own := required "database.existingSecret must name a Secret that holds the connection URL: kubectl create secret generic database --from-literal=url=postgres://…" $values.database.existingSecret -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ default $own (index . 1) | toYaml }}
      key: {{ toYaml $values.database.existingSecretKey }}
- name: DATABASE_SCHEMA
  value: {{ $values.database.schema | quote }}
{{- with $values.operator.log }}
- name: RUST_LOG
  value: {{ quote . }}
{{- end }}
{{- end }}

{{/* A list whose entries the API server tells apart by one field: (list value field entries). */}}
{{- define "backfill.distinct" -}}
{{- $value := index . 0 -}}
{{- $field := index . 1 -}}
{{- $known := dict -}}
{{- range $entry := index . 2 -}}
  {{- $name := get $entry $field -}}
  {{- if hasKey $known $name -}}
    {{- fail (printf "%s names %s twice" $value $name) -}}
  {{- end -}}
  {{- $_ := set $known $name true -}}
{{- end -}}
{{ toYaml (index . 2) }}
{{- end }}

{{/* Where pods may run. */}}
{{- define "backfill.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
volumes:
  {{- include "backfill.distinct" (list "extraVolumes" "name" .) | nindent 2 }}
{{- end }}
{{- end }}
