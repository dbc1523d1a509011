ARG BASE
FROM $BASE
ARG MAJOR
ENV PATH=/usr/lib/postgresql/$MAJOR/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EXPOSE 5432
STOPSIGNAL SIGINT
USER postgres
CMD ["postgres"]
