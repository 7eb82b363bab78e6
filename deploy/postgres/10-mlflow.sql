-- Run once, when the volume is empty: MLflow's runs live beside the service's tables, in a database of their own.
CREATE DATABASE mlflow;
