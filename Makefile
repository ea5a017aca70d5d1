# Every target is one call of the testbed, where the logic is. Variables given on make's
# command line reach it through the environment. The first build takes minutes, and tells so.
TESTBED = cargo run $(if $(wildcard target/debug/testbed),-q) -p testbed --

.PHONY: help up operator down demo test check generate image bench e2e restart-postgres restart-apiserver

help:
	@echo 'make demo      a backfill from beginning to proof [KEEP=1] [GITHUB_TOKEN=… REPOSITORY=owner/name]'
	@echo 'make up        cluster, Postgres, stand-in GitHub and operator [WORLD="f1 f2"]'
	@echo '               [SYNTHETIC="owner/name=COUNT …"] [LATENCY_MS=n] [FAULTS=file] [LIMITS=file] [OPERATOR=0]'
	@echo 'make operator  starts the operator again in a running testbed, as the same instance'
	@echo 'make restart-postgres, make restart-apiserver   a short outage of one part'
	@echo 'make down      ends all of it and removes it'
	@echo 'make test      all tests'
	@echo 'make check     formatting, lints, house rules, dependencies'
	@echo 'make generate  writes the generated files anew'
	@echo 'make image     the operator as a container image [IMAGE=name:tag] [ENGINE=docker|podman|buildah|none]'
	@echo '               [CHECK=1] compares two builds of the last commit instead'
	@echo 'make e2e       the chart and the image on a real node, as root; about ten minutes the first time'
	@echo '               [E2E_CONTEXT=context E2E_LOAD="kind load image-archive"] [E2E_FROM=commit]'
	@echo '               [KEEP=1] ends with a shell in the node, where it goes on running'
	@echo 'make bench     what 1,000 and 10,000 pull requests take, beside a plain loop'

up operator down demo test check generate image bench e2e:
	@$(TESTBED) $@

restart-postgres:
	@$(TESTBED) restart postgres --signal SIGQUIT

restart-apiserver:
	@$(TESTBED) restart kube-apiserver --signal SIGKILL
