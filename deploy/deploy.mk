# Building the image and running it on this server; included by the Makefile. deploy/README.md leads through it.
#   TORCH_INDEX=...   where torch's CPU wheels come from (only `image`, only without GPU=1)
#   GPU=1             build for and run on an NVIDIA GPU
#   IMAGE=...         run this image instead of the present revision's: the way back to an older one

DEPLOY_ENV ?= deploy/.env
TORCH ?= $(if $(GPU),cuda,cpu)
REVISION ?= $(shell git rev-parse --short=12 HEAD)
IMAGE ?= stickersnap:$(REVISION)-$(TORCH)
COMPOSE_FILES = --file deploy/compose.yaml $(if $(GPU),--file deploy/compose.gpu.yaml)
COMPOSE = env STICKERSNAP_IMAGE=$(IMAGE) docker compose --env-file $(DEPLOY_ENV) $(COMPOSE_FILES)

.PHONY: image deploy deploy-check deploy-status deploy-logs backup restore jenkins

image: ## Build the container image of this revision
	docker build --file deploy/docker/Dockerfile --build-arg TORCH=$(TORCH) --build-arg TORCH_INDEX="$(TORCH_INDEX)" \
		--build-arg REVISION=$(REVISION) --tag $(IMAGE) .

deploy-check: ## Is deploy/.env complete?
	$(COMPOSE) config --quiet

deploy: deploy-check ## Bring this server to the image, and wait until every part of it is well
	$(COMPOSE) up --detach --wait --wait-timeout 600 --remove-orphans

deploy-status: ## What runs on this server, and is it well?
	$(COMPOSE) ps --all

deploy-logs: ## Follow the log of every part
	$(COMPOSE) logs --follow --tail 100

backup: ## Write both databases and all files to var/backups/<time>/
	COMPOSE='$(COMPOSE)' sh deploy/backup.sh backup

restore: ## Put back what BACKUP=var/backups/<time> holds, in place of what is there
	COMPOSE='$(COMPOSE)' sh deploy/backup.sh restore "$(BACKUP)"

jenkins: ## Bring Jenkins up on http://127.0.0.1:8080
	docker compose --env-file deploy/jenkins/.env --file deploy/jenkins/compose.yaml up --detach --build --wait
