from chalicelib.late import late

__getattr__ = late(__name__)
