# The product as one image: `docker build -t atf .`; compose.yaml runs it as control replicas, gateways and witness.
# For builds that can be repeated, name the base by its digest: --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/atf
# Manifests first: dependencies are installed anew only when they have changed.
COPY package.json package-lock.json .npmrc ./
COPY packages/core/package.json packages/core/
COPY packages/control/package.json packages/control/
COPY packages/gateway/package.json packages/gateway/
COPY packages/sdk/package.json packages/sdk/
COPY packages/cli/package.json packages/cli/
# npm links a command only where it is.
COPY packages/cli/bin packages/cli/bin
COPY packages/console/package.json packages/console/
COPY examples/back-office/package.json examples/back-office/
COPY examples/own-tools/package.json examples/own-tools/
RUN npm ci --include=dev --include=optional --no-audit --no-fund
COPY tsconfig.json tsconfig.base.json ./
COPY tools tools
COPY packages packages
RUN node tools/run.mjs build
# What only the build needs goes. Of the optional packages only the Node for clones is left, and the image has its own.
RUN npm prune --omit=dev --omit=optional --no-audit --no-fund \
  && rm -rf packages/*/src packages/console/node_modules node_modules/.atf-* node_modules/.cache node_modules/@atf-examples examples
COPY policies policies

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="ATF" org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /opt/atf
# The program belongs to root, and whoever runs it changes nothing of it. The directory of its state is that user's alone; a new volume takes that over.
COPY --from=build /opt/atf ./
COPY LICENSE ./
RUN install -d -m 0700 -o node -g node /var/lib/atf
ENV NODE_ENV=production PATH=/opt/atf/node_modules/.bin:$PATH
USER node
VOLUME /var/lib/atf
EXPOSE 7780 7781 7790
ENTRYPOINT ["node", "/opt/atf/packages/cli/bin/atf.js"]
CMD ["--help"]
