# The images once more, for who has Docker and no Rust: docker build --target buy --tag buy .
# GitHub Actions builds it. It needs a base image, so nothing else here does; scripts/images.sh builds the same without one.
FROM docker.io/library/rust:1.95.0-bookworm AS programs
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN bash scripts/images.sh programs /programs

FROM scratch AS buy
LABEL org.opencontainers.image.title="buy" \
      org.opencontainers.image.description="POST /buy of User Buy List: a purchase into Kafka"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/buy /usr/local/bin/
USER 65532:65532
EXPOSE 3000
ENTRYPOINT ["/usr/local/bin/buy"]

FROM scratch AS query
LABEL org.opencontainers.image.title="query" \
      org.opencontainers.image.description="The lists of User Buy List from MongoDB"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/query /usr/local/bin/
USER 65532:65532
EXPOSE 3002
ENTRYPOINT ["/usr/local/bin/query"]

FROM scratch AS storer
LABEL org.opencontainers.image.title="storer" \
      org.opencontainers.image.description="Purchases of User Buy List from a KafkaSource into MongoDB"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/storer /usr/local/bin/
USER 65532:65532
EXPOSE 3001
ENTRYPOINT ["/usr/local/bin/storer"]

FROM scratch AS consumer
LABEL org.opencontainers.image.title="consumer" \
      org.opencontainers.image.description="Purchases of User Buy List from Kafka into MongoDB, and their lists"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/consumer /usr/local/bin/
USER 65532:65532
EXPOSE 3001
ENTRYPOINT ["/usr/local/bin/consumer"]

FROM scratch AS frontend
LABEL org.opencontainers.image.title="frontend" \
      org.opencontainers.image.description="The page of User Buy List and the gateway to its public routes"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/frontend /usr/local/bin/
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/frontend"]

FROM scratch AS embedded
LABEL org.opencontainers.image.title="user-buy-list" \
      org.opencontainers.image.description="User Buy List in one process: buy items and get the list of everything you bought"
COPY --from=programs /programs/ca-certificates.crt /etc/ssl/certs/
COPY --from=programs /programs/user-buy-list /usr/local/bin/
COPY --from=programs --chown=65532:65532 /programs/data/ /data/
USER 65532:65532
# Everything is kept in /data, which is all that it writes to.
WORKDIR /
VOLUME /data
ENV HOST=0.0.0.0
EXPOSE 8080 3000 3001 3002
ENTRYPOINT ["/usr/local/bin/user-buy-list"]
