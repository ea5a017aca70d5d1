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
{{- $own := required "database.existingSecret must name a Secret that holds the connection URL: kubectl create secret generic database --from-literal=url='postgres://…'" $values.database.existingSecret -}}
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

{{/* The chart's own volumes of a pod, and the further ones: (list root own). */}}
{{- define "backfill.volumes" -}}
{{- $own := index . 1 -}}
{{- $further := default list (index . 0).Values.extraVolumes -}}
{{- $_ := include "backfill.distinct" (list "extraVolumes" "name" $further) -}}
{{- range $volume := $own -}}
  {{- range $further -}}
    {{- if eq .name $volume.name -}}
      {{- fail (printf "extraVolumes names %s, which is a volume of the chart itself" .name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- with concat $own $further }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a volume of the chart itself is mounted. */}}
{{- define "backfill.place" -}}
/etc/backfill-operator/{{ .name }}
{{- end }}

{{/* Where the chart's own volumes are mounted, and where the further ones are. Each of these is one
of them, and none lies in a place of the chart's, nor around it: (list root own). */}}
{{- define "backfill.mounts" -}}
{{- $values := (index . 0).Values -}}
{{- $further := default list $values.extraVolumeMounts -}}
{{- $_ := include "backfill.distinct" (list "extraVolumeMounts" "mountPath" $further) -}}
{{- $volumes := dict -}}
{{- range $values.extraVolumes -}}
  {{- $_ := set $volumes .name true -}}
{{- end -}}
{{- range $further -}}
  {{- if not (hasKey $volumes .name) -}}
    {{- fail (printf "extraVolumeMounts names %s, which is no volume of extraVolumes" .name) -}}
  {{- end -}}
{{- end -}}
{{- $mounts := list -}}
{{- range $volume := index . 1 -}}
  {{- $place := include "backfill.place" $volume -}}
  {{- $below := printf "%s/" $place -}}
  {{- range $further -}}
    {{- $path := clean .mountPath | trimSuffix "/" | printf "%s/" -}}
    {{- if or (hasPrefix $path $below) (hasPrefix $below $path) -}}
      {{- fail (printf "extraVolumeMounts names %s, but the chart itself mounts %s" .mountPath $place) -}}
    {{- end -}}
  {{- end -}}
  {{- $mounts = append $mounts (dict "name" $volume.name "mountPath" $place "readOnly" true) -}}
{{- end -}}
{{- with concat $mounts $further }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A quantity as a number; nothing where its unit is not known here. */}}
{{- define "backfill.amount" -}}
{{- $units := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $text := toJson . | trimAll "\"" -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- if hasKey $units $unit -}}
{{ mulf (trimSuffix $unit $text) (get $units $unit) }}
{{- end -}}
{{- end }}

{{/* Requests and limits: no limit is below what is requested. */}}
{{- define "backfill.resources" -}}
{{- $limits := default dict .limits -}}
{{- range $name, $request := default dict .requests -}}
  {{- if hasKey $limits $name -}}
    {{- $limit := get $limits $name -}}
    {{- $most := include "backfill.amount" $limit -}}
    {{- $least := include "backfill.amount" $request -}}
    {{- if and $most $least (lt (float64 $most) (float64 $least)) -}}
      {{- $limit = toJson $limit | trimAll "\"" -}}
      {{- $request = toJson $request | trimAll "\"" -}}
      {{- fail (printf "resources.limits.%s (%s) must not be below resources.requests.%s (%s)" $name $limit $name $request) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{ toYaml . }}
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
{{- end }}

{{/* Where both may go under the NetworkPolicy. */}}
{{- define "backfill.egressBeside" -}}
# DNS.
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
# Postgres.
- ports:
    - port: {{ .Values.networkPolicy.databasePort }}
      protocol: TCP
  {{- with .Values.networkPolicy.databaseTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
