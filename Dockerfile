# The API and the worker of the queue `ratchet`. The SDK of Temporal needs glibc, so no Alpine.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production RATCHET_HOME=/data RATCHET_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/bin ./bin
COPY --from=build /app/scripts/litgpt ./scripts/litgpt
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 7777
ENTRYPOINT ["tini", "--", "node", "/app/bin/ratchet.js"]
CMD ["api"]
