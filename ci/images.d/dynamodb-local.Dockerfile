FROM proofhouse/base-java:bookworm
RUN useradd --create-home dynamodblocal
WORKDIR /home/dynamodblocal
COPY DynamoDBLocal.jar ./
COPY DynamoDBLocal_lib ./DynamoDBLocal_lib
USER dynamodblocal
EXPOSE 8000
ENTRYPOINT ["java"]
CMD ["-jar", "DynamoDBLocal.jar", "-inMemory"]
