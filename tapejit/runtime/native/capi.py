"""The functions of CPython's interface that functions of words call.

All belong to the documented interface and are the same in every version since 3.11.
"""

from __future__ import annotations

from .words import External

thread_now = External("PyThreadState_Get")
thread_id = External("PyThreadState_GetID")
incref = External("Py_IncRef", "void")
decref = External("Py_DecRef", "void")
collect_off = External("PyGC_Disable", "i32")
collect_on = External("PyGC_Enable", "i32")
allocate = External("PyType_GenericAlloc")
is_subtype = External("PyType_IsSubtype", "i32")
int_of = External("PyLong_FromSsize_t")
value_of = External("PyLong_AsSsize_t")
list_new = External("PyList_New")
append = External("PyList_Append", "i32")
list_set = External("PyList_SetItem", "i32")
tuple_new = External("PyTuple_New")
tuple_size = External("PyTuple_Size")
dict_get = External("PyDict_GetItemWithError")
dict_set = External("PyDict_SetItem", "i32")
call = External("PyObject_Vectorcall")
call_0 = External("PyObject_CallNoArgs")
call_1 = External("PyObject_CallOneArg")
dict_new = External("PyDict_New")
dict_size = External("PyDict_Size")
next_of = External("PyIter_Next")
same = External("PyObject_RichCompareBool", "i32")
memory = External("PyMem_Malloc")
free = External("PyMem_Free", "void")
